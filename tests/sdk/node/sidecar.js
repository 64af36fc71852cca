// Starts the binary under test: the vendor simulator and the proxy, each on ports of the system's choice.

import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const BINARY = resolve(process.env.LLM_SIDECAR_BIN ?? join(import.meta.dirname, '../../../target/debug/llm-sidecar'));
const START_MS = 20_000;

/** Runs a subcommand. Resolves once its log has named the address of each listener: `{addresses, stop}`. */
async function start(args, listeners) {
  const child = spawn(BINARY, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(force);
  };
  const addresses = {};
  const log = [];
  const ready = new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${args[0]} did not start: ${why}\n${log.join('\n')}`));
    child.once('error', (error) => fail(error.message));
    child.once('close', (status) => fail(`status ${status}`));
    setTimeout(fail, START_MS, 'too slow').unref();
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line);
      if (!line.includes('"listening"')) return;
      const said = JSON.parse(line);
      addresses[said.listener] = said.address;
      if (listeners.every((name) => name in addresses)) resolve();
    });
  });
  try {
    await ready;
  } catch (error) {
    await stop();
    throw error;
  }
  return { addresses, stop };
}

/** The simulator and the proxy with one OpenAI and one Anthropic provider: `{url, stop}`. */
export async function startSidecar() {
  const simulator = await start(['simulate', '--listen', '127.0.0.1:0'], ['simulator']);
  const vendor = `http://${simulator.addresses.simulator}`;
  const folder = await mkdtemp(join(tmpdir(), 'llm-sidecar-'));
  const config = join(folder, 'config.yaml');
  // So that what the SDK retries can be counted, and that one test's failures are not another's.
  const once = { retry: { attempts: 1 }, breaker: { enabled: false } };
  await writeFile(config, JSON.stringify({ // JSON is YAML
    listen: '127.0.0.1:0',
    admin: { listen: '127.0.0.1:0' },
    server: { drain_delay: '0s', drain_timeout: '2s' },
    providers: {
      openai: { type: 'openai', base_url: `${vendor}/v1`, api_key: 'openai-key', ...once },
      anthropic: { type: 'anthropic', base_url: vendor, api_key: 'anthropic-key', ...once },
    },
    models: {
      gpt: { targets: [{ provider: 'openai', model: 'gpt-4o' }] },
      claude: { targets: [{ provider: 'anthropic', model: 'claude-sonnet-4-5' }] },
    },
  }));
  const sidecar = await start(['serve', '--config', config], ['data', 'admin']).catch(async (error) => {
    await simulator.stop();
    throw error;
  });
  return {
    url: `http://${sidecar.addresses.data}`,
    async stop() {
      await sidecar.stop();
      await simulator.stop();
      await rm(folder, { recursive: true });
    },
  };
}
