// A server on the loopback that keeps objects in memory as S3 does, as far as an archive needs it, or serves them as a
// static web server. It can be slow, fail, lie and break off.
import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

const etagOf = body => `"${createHash('md5').update(body).digest('hex')}"`;

const xml = (code, more = '') => `<?xml version="1.0"?><Error><Code>${code}</Code>${more}</Error>`;

/** The body of an S3 server's refusal, which may repeat what the client sent. */
const refusal = request => xml('AccessDenied', `<Authorization>${request.headers.authorization}</Authorization>`);

/**
 * @typedef {object} ObjectServer
 * @property {string} endpoint
 * @property {string} url the place `archive` on the server, for S3
 * @property {string} webUrl the same for a web server
 * @property {Record<string, string>} env the settings for S3
 * @property {Map<string, Buffer>} objects by path, such as `bucket/archive/snapshot.v1.5.gz`
 * @property {{ method: string, path: string, query: string }[]} requests
 * @property {(fault?: Fault) => void} setFault
 * @property {() => Promise<void>} close
 *
 * @typedef {(request: { method: string, path: string, query: string, count: number }) =>
 *   undefined | 'busy' | 'deny' | 'hang' | 'cut' | 'missing' | 'slow' | { lie: Buffer }} Fault what to do instead of answering: `count`
 *   is the number of equal requests before
 */

/** Starts a server. @returns {Promise<ObjectServer>} */
export const startObjectServer = async () => {
  const objects = new Map();
  const uploads = new Map();
  const requests = [];
  /** @type {Fault | undefined} */
  let faultOf;

  const send = (response, status, body = '', headers = {}) => {
    const bytes = Buffer.from(body);
    response.writeHead(status, { 'content-length': bytes.length, ...headers });
    response.end(bytes);
  };

  const sendObject = async (request, response, body, how) => {
    const headers = { etag: etagOf(body), 'last-modified': new Date(0).toUTCString() };
    response.writeHead(200, { 'content-length': body.length, ...headers });
    if (request.method === 'HEAD') response.end();
    else if (how === 'cut') response.write(body.subarray(0, body.length - 1), () => response.destroy());
    else if (how === 'slow') {
      const part = Math.ceil(body.length / 5);
      for (let at = 0; at < body.length; at += part) {
        response.write(body.subarray(at, at + part));
        await sleep(40);
      }
      response.end();
    } else response.end(body);
  };

  const receive = (request, response, path, query, body) => {
    const put = contents => {
      objects.set(path, contents);
      return etagOf(contents);
    };
    const uploadId = query.get('uploadId');
    if (request.method === 'PUT' && uploadId !== null) {
      const part = query.get('partNumber');
      uploads.get(uploadId).set(Number(part), body);
      send(response, 200, '', { etag: etagOf(body) });
    } else if (request.method === 'PUT') {
      if (request.headers['if-none-match'] === '*' && objects.has(path)) {
        send(response, 412, xml('PreconditionFailed'));
        return;
      }
      send(response, 200, '', { etag: put(body) });
    } else if (request.method === 'POST' && query.has('uploads')) {
      const id = randomUUID();
      uploads.set(id, new Map());
      send(response, 200, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    } else if (request.method === 'POST' && uploadId !== null) {
      const parts = [...uploads.get(uploadId)].sort(([a], [b]) => a - b);
      uploads.delete(uploadId);
      const etag = put(Buffer.concat(parts.map(([, part]) => part)));
      send(response, 200, `<CompleteMultipartUploadResult><ETag>${etag}</ETag></CompleteMultipartUploadResult>`);
    } else if (request.method === 'DELETE' && uploadId !== null) {
      uploads.delete(uploadId);
      send(response, 204);
    } else send(response, 405, xml('MethodNotAllowed'));
  };

  const server = createServer(async (request, response) => {
    const { pathname, search, searchParams } = new URL(request.url ?? '', 'http://server');
    const path = decodeURIComponent(pathname.slice(1));
    const { method } = request;
    const count = requests.filter(other => other.method === method && other.path === path).length;
    requests.push({ method, path, query: search });
    // Reading the whole request first lets an answer arrive before the client has sent everything.
    const body = await buffer(request).catch(() => undefined);
    if (body === undefined) return;
    const fault = faultOf?.({ method, path, query: search, count });
    if (fault === 'hang') return;
    if (fault === 'busy') send(response, 503, xml('SlowDown'));
    else if (fault === 'deny') send(response, 403, refusal(request));
    else if (!path.startsWith('bucket/')) send(response, 404, method === 'HEAD' ? '' : xml('NoSuchBucket'));
    else if (method !== 'GET' && method !== 'HEAD') receive(request, response, path, searchParams, body);
    else {
      const own = fault === 'missing' ? undefined : objects.get(path);
      const found = typeof fault === 'object' ? fault.lie : own;
      if (found === undefined) send(response, 404, method === 'GET' ? xml('NoSuchKey') : '');
      else await sendObject(request, response, found, fault);
    }
  });
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  const endpoint = `http://127.0.0.1:${address.port}`;
  return {
    endpoint,
    url: 's3://bucket/archive',
    webUrl: `${endpoint}/bucket/archive`,
    env: {
      AWS_ACCESS_KEY_ID: 'AKIDTHEKEY',
      AWS_SECRET_ACCESS_KEY: 'the-secret-key',
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL: endpoint,
    },
    objects,
    requests,
    setFault: fault => {
      faultOf = fault;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise(resolve => server.close(resolve));
    },
  };
};

/** Runs `use` with a server, whose settings this process gets. */
export const withObjectServer = async use => {
  const server = await startObjectServer();
  Object.assign(process.env, server.env);
  try {
    return await use(server);
  } finally {
    for (const name of Object.keys(server.env)) delete process.env[name];
    await server.close();
  }
};
