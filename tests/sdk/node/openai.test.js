// OpenAI's SDK for Node: what differs from Python's is mostly the HTTP client underneath and its defaults.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import OpenAI, { AzureOpenAI, toFile } from 'openai';

import { startSidecar } from './sidecar.js';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
  },
};

let sidecar;
let client;
let questions = 0;

// A question no other test asks, with directives for the simulator.
function user(text, directives = '') {
  questions += 1;
  return [{ role: 'user', content: `${text} (question ${questions})${directives && ` [sim ${directives}]`}` }];
}

before(async () => {
  sidecar = await startSidecar();
  client = new OpenAI({ baseURL: `${sidecar.url}/v1`, apiKey: 'any', maxRetries: 0, timeout: 20_000 });
});
after(() => sidecar?.stop());

for (const model of ['gpt', 'claude']) {
  describe(model, () => {
    test('an answer is complete', async () => {
      const { data, request_id: id } = await client.chat.completions.create({ model, messages: user('What is new') }).withResponse();
      assert.match(data.choices[0].message.content, /What is new/);
      assert.equal(data.choices[0].finish_reason, 'stop');
      assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
      assert.ok(id);
    });

    test('a stream says what the answer says', async () => {
      const messages = user('Count to three');
      const whole = await client.chat.completions.create({ model, messages });
      const stream = await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } });
      let text = '';
      let pieces = 0;
      let last;
      for await (const chunk of stream) {
        const piece = chunk.choices[0]?.delta.content ?? '';
        text += piece;
        pieces += piece ? 1 : 0;
        last = chunk;
      }
      assert.equal(text, whole.choices[0].message.content);
      assert.ok(pieces > 1);
      assert.equal(last.usage.completion_tokens, whole.usage.completion_tokens);
    });

    test('the stream helper accumulates', async () => {
      const stream = client.chat.completions.stream({ model, messages: user('Count to three') });
      let seen = '';
      stream.on('content', (delta) => { seen += delta; });
      assert.equal(await stream.finalContent(), seen);
      assert.match(seen, /Count to three/);
    });

    test('the tool loop runs by itself', async () => {
      const called = [];
      const runner = client.chat.completions.runTools({
        model,
        messages: user('Call get_weather'),
        tools: [{
          ...WEATHER,
          function: { ...WEATHER.function, parse: JSON.parse, function: ({ city }) => { called.push(city); return 'rain of frogs'; } },
        }],
      });
      assert.match(await runner.finalContent(), /rain of frogs/);
      assert.equal(called.length, 1);
      assert.equal(typeof called[0], 'string');
    });

    test('the tool loop runs over streams too', async () => {
      const runner = client.chat.completions.runTools({
        model,
        stream: true,
        messages: user('Call get_weather'),
        tools: [{ ...WEATHER, function: { ...WEATHER.function, parse: JSON.parse, function: () => 'rain of frogs' } }],
      });
      assert.match(await runner.finalContent(), /rain of frogs/);
    });

    test('structured output', async () => {
      const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
      const answer = await client.chat.completions.parse({
        model,
        messages: user('Name a city'),
        response_format: { type: 'json_schema', json_schema: { name: 'city', strict: true, schema } },
      });
      assert.equal(typeof JSON.parse(answer.choices[0].message.content).city, 'string');
    });

    test('an image', async () => {
      const [{ content: text }] = user('What is this');
      const content = [{ type: 'text', text }, { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }];
      const answer = await client.chat.completions.create({ model, messages: [{ role: 'user', content }] });
      assert.match(answer.choices[0].message.content, /What is this/);
    });

    const classes = {
      400: OpenAI.BadRequestError,
      401: OpenAI.AuthenticationError,
      403: OpenAI.PermissionDeniedError,
      404: OpenAI.NotFoundError,
      409: OpenAI.ConflictError,
      422: OpenAI.UnprocessableEntityError,
      429: OpenAI.RateLimitError,
      500: OpenAI.InternalServerError,
      503: OpenAI.InternalServerError,
      529: OpenAI.InternalServerError,
    };
    for (const [status, Class] of Object.entries(classes)) {
      for (const stream of [false, true]) {
        test(`${status} has its class${stream ? ', streamed' : ''}`, async () => {
          const asked = client.chat.completions.create({ model, messages: user('Hello', `status=${status}`), stream });
          await assert.rejects(asked, (error) => {
            assert.ok(error instanceof Class, error.constructor.name);
            assert.ok(error.requestID);
            assert.match(error.message, /simulated error/);
            assert.ok('type' in error.error && 'param' in error.error && 'code' in error.error);
            return true;
          });
        });
      }
    }

    test('Retry-After is honoured', async () => {
      const start = Date.now();
      const messages = user('Hello', 'status=429 retry-after=1 times=1');
      const answer = await client.chat.completions.create({ model, messages }, { maxRetries: 2 });
      assert.ok(answer.choices[0].message.content);
      assert.ok(Date.now() - start >= 950 && Date.now() - start < 4000);
    });

    for (const fault of ['cut', 'reset', 'garbage', 'error-event', 'no-finish']) {
      test(`a stream with ${fault} never ends well`, async () => {
        const messages = user('Hello', `chunks=20 fault=${fault} fault-after=6`);
        const stream = await client.chat.completions.create({ model, messages, stream: true });
        const finished = [];
        let text = '';
        await assert.rejects(async () => {
          for await (const chunk of stream) {
            text += chunk.choices[0]?.delta.content ?? '';
            if (chunk.choices[0]?.finish_reason) finished.push(chunk.choices[0].finish_reason);
          }
        });
        assert.ok(text);
        assert.deepEqual(finished, []);
      });
    }

    test('a client that leaves early is no error', async () => {
      const stream = await client.chat.completions.create({ model, messages: user('Hello', 'chunks=2000 chunk-ms=5'), stream: true });
      for await (const chunk of stream) {
        assert.ok(chunk.id);
        break;
      }
      assert.ok(await client.chat.completions.create({ model, messages: user('Hello') }));
    });

    test("the client's own timeout", async () => {
      const asked = client.chat.completions.create({ model, messages: user('Hello', 'delay-ms=20000') }, { timeout: 300 });
      await assert.rejects(asked, OpenAI.APIConnectionTimeoutError);
    });

    test('the Azure client', async () => {
      const azure = new AzureOpenAI({ endpoint: sidecar.url, apiVersion: '2024-10-21', apiKey: 'any', maxRetries: 0 });
      const answer = await azure.chat.completions.create({ model, messages: user('What is new') });
      assert.match(answer.choices[0].message.content, /What is new/);
    });
  });
}

test('embeddings come as base64 by default and as numbers if asked', async () => {
  const model = 'openai/text-embedding-3-small';
  const packed = await client.embeddings.create({ model, input: ['one', 'two'] });
  const plain = await client.embeddings.create({ model, input: ['one', 'two'], encoding_format: 'float' });
  assert.equal(packed.data.length, 2);
  packed.data.forEach((item, at) => {
    assert.equal(item.embedding.length, plain.data[at].embedding.length);
    item.embedding.forEach((number, n) => assert.ok(Math.abs(number - plain.data[at].embedding[n]) < 1e-6));
  });
});

test('models', async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.ok(names.includes('gpt') && names.includes('claude'));
  assert.equal((await client.models.retrieve('gpt')).id, 'gpt');
});

test('a file is uploaded and comes back', async () => {
  const content = Buffer.alloc(1_000_000, 7);
  const made = await client.files.create({ file: await toFile(content, 'data.bin'), purpose: 'user_data' });
  assert.equal(made.bytes, content.length);
  const back = await client.files.content(made.id);
  assert.ok(content.equals(Buffer.from(await back.arrayBuffer())));
});

test('speech is binary', async () => {
  const speech = await client.audio.speech.create({ model: 'openai/tts-1', voice: 'alloy', input: 'Hello there' });
  assert.equal(speech.headers.get('content-type'), 'audio/mpeg');
  assert.ok((await speech.arrayBuffer()).byteLength > 1000);
});
