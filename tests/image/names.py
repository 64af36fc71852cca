"""A name server that knows one name: `names.py ADDRESS NAME ANSWER`. UDP, port 53, for ever."""

import socket
import struct
import sys

address, name, answer = sys.argv[1:]
wanted = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.bind((address, 53))
print("listening", flush=True)
while True:
    asked, peer = listener.recvfrom(512)
    end = asked.index(b"\0", 12) + 5
    question, (kind,) = asked[12:end], struct.unpack("!H", asked[end - 4:end - 2])
    known = question[:-4].lower() == wanted
    found = known and kind == 1
    # QR, RD and RA; NXDOMAIN for what is not known.
    head = asked[:2] + struct.pack("!HHHHH", 0x8180 | (0 if known else 3), 1, int(found), 0, 0)
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(answer) if found else b""
    listener.sendto(head + question + record, peer)
