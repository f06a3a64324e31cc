// The Runtime API over one kept-alive connection and a raw socket. A result and the request for the next
// invocation leave in one write (HTTP/1.1 pipelining): the platform finds `next` in its buffer as soon as it
// has answered, without waiting for this process to wake up in between.
'use strict';
const { connect } = require('node:net');

const RESPONSE_BYTES_MAX = 6 * 1024 * 1024 + 100;
const ROOT = '/2018-06-01/runtime/';
const HEAD_END = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);

class RuntimeClient {
  #host;
  #tail;
  #next;
  #socket;
  #buffer = EMPTY;
  #chunks = [];        // received after #buffer, joined only when there is enough to parse
  #chunksLength = 0;
  #wanted = 0;         // bytes needed before the next attempt to parse
  #waiting = [];       // one entry for each answer that is due, in order
  #onFailure;

  constructor(host, onFailure) {
    this.#host = host;
    this.#onFailure = onFailure;
    this.#tail = ` HTTP/1.1\r\nHost: ${host}\r\n`;
    this.#next = `GET ${ROOT}invocation/next${this.#tail}\r\n`;
  }

  /** Asks for the first invocation; onInvocation(headers, body) is called with it. */
  next(onInvocation) {
    this.#write(this.#next, [{ text: this.#next, done: onInvocation }]);
  }

  /** Posts a result and asks for the next invocation. Headers reach onInvocation with lower-case names. */
  postAndNext(path, body, errorType, onInvocation, contentType) {
    const head = this.#head(path, body, errorType, contentType);
    const due = [{ text: null, done: null }, { text: this.#next, done: onInvocation }];
    if (typeof body === 'string') {
      this.#write(head + body + this.#next, due);
    } else {
      this.#write(Buffer.concat([Buffer.from(head), body, Buffer.from(this.#next)]), due);
    }
  }

  /** Posts a last word; onPosted is called when the platform has it. */
  post(path, body, errorType, onPosted) {
    this.#write(this.#head(path, body, errorType) + body, [{ text: null, done: onPosted }]);
  }

  /** While user code runs, the connection must not keep the event loop alive; while an answer is due, it must. */
  unref() {
    this.#socket.unref();
  }

  #head(path, body, errorType, contentType = 'application/json') {
    // An error may have any name; one that is no token stays out of the header (it is in the body).
    const error = errorType && /^[\w.]+$/.test(errorType) ? `Lambda-Runtime-Function-Error-Type: ${errorType}\r\n` : '';
    return `POST ${ROOT}${path}${this.#tail}Content-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${error}\r\n`;
  }

  #write(data, due) {
    const socket = this.#socket ?? this.#connect();
    socket.ref();
    this.#waiting.push(...due);
    socket.write(data);
  }

  #connect() {
    const [address, port] = this.#host.split(':');
    this.#buffer = EMPTY;
    this.#chunks = [];
    this.#chunksLength = this.#wanted = 0;
    const socket = connect({ host: address, port: Number(port ?? 80), noDelay: true, family: 4 });
    socket.on('data', (data) => this.#receive(data));
    socket.on('error', () => {});
    socket.on('close', () => this.#closed(socket));
    return (this.#socket = socket);
  }

  // A result that was written may have arrived: it is not sent twice, only `next` is asked for again, once.
  #closed(socket) {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    const due = this.#waiting.splice(0).filter((entry) => entry.done);
    if (due.length === 0) return;
    const [entry] = due;
    if (!entry.text || entry.retried || !socket.bytesRead) return this.#onFailure('the platform closed the connection');
    this.#write(entry.text, [{ ...entry, retried: true }]);
  }

  #receive(data) {
    if (this.#buffer.length === 0 && this.#chunks.length === 0) {
      this.#buffer = data;
    } else {
      this.#chunks.push(data);
      this.#chunksLength += data.length;
    }
    while (this.#buffer.length + this.#chunksLength >= this.#wanted && this.#parse());
  }

  #parse() {
    if (this.#chunks.length > 0) {
      this.#buffer = Buffer.concat([this.#buffer, ...this.#chunks]);
      this.#chunks = [];
      this.#chunksLength = 0;
    }
    const buffer = this.#buffer;
    const end = buffer.indexOf(HEAD_END);
    if (end < 0) return false;
    const lines = buffer.latin1Slice(0, end).split('\r\n');
    const headers = {};
    for (let i = 1; i < lines.length; i++) {
      const colon = lines[i].indexOf(':');
      headers[lines[i].slice(0, colon).toLowerCase()] = lines[i].slice(colon + 1).trim();
    }
    const body = headers['transfer-encoding'] === 'chunked' ? unchunk(buffer, end + 4) : whole(buffer, end + 4, headers);
    if (body.wanted) {
      this.#wanted = body.wanted;
      return false;
    }
    this.#wanted = 0;
    this.#buffer = body.end === buffer.length ? EMPTY : buffer.subarray(body.end);
    this.#answered(Number(lines[0].slice(9, 12)), headers, body.text);
    return this.#buffer.length > 0;
  }

  #answered(status, headers, text) {
    const entry = this.#waiting.shift();
    if (!entry) return this.#onFailure('an answer that nobody asked for');
    // A refused result is the platform's to report; the invocation is over either way.
    if (!entry.done) return;
    if (entry.text && status !== 200) return this.#onFailure(`next: status ${status}: ${text.slice(0, 200)}`);
    entry.done(headers, text);
  }
}

function whole(buffer, start, headers) {
  const end = start + Number(headers['content-length'] ?? 0);
  return buffer.length < end ? { wanted: end } : { end, text: buffer.utf8Slice(start, end) };
}

function unchunk(buffer, start) {
  const parts = [];
  for (let at = start; ;) {
    const lineEnd = buffer.indexOf('\r\n', at);
    if (lineEnd < 0) return { wanted: buffer.length + 1 };
    const size = Number.parseInt(buffer.latin1Slice(at, lineEnd), 16);
    at = lineEnd + 2;
    if (size === 0) {
      const trailersEnd = buffer.indexOf('\r\n\r\n', lineEnd);
      return trailersEnd < 0 ? { wanted: buffer.length + 1 } : { end: trailersEnd + 4, text: Buffer.concat(parts).toString() };
    }
    if (buffer.length < at + size + 2) return { wanted: at + size + 2 };
    parts.push(buffer.subarray(at, at + size));
    at += size + 2;
  }
}

module.exports = { RESPONSE_BYTES_MAX, RuntimeClient };
