// Fnq's bootstrap for Node.js: loads the handler, then serves invocations one after the other.
// CommonJS, because Node starts it 5 ms sooner than ES modules, which are loaded when the user's code is one.
'use strict';
const { RESPONSE_BYTES_MAX, RuntimeClient } = require('./client.cjs');
const { createContext } = require('./context.cjs');
const { describe, Fault, UnhandledPromiseRejection } = require('./faults.cjs');
const { loadHandler } = require('./handler.cjs');
const { logFault, patchConsole, setRequestId } = require('./log.cjs');

const EXIT_UNHANDLED_REJECTION = 128;
const EXIT_UNCAUGHT_EXCEPTION = 129;

const client = new RuntimeClient(process.env.AWS_LAMBDA_RUNTIME_API, (reason) => {
  process.stderr.write(`bootstrap: ${reason}\n`);
  process.exit(1);
});
let handler;
let current; // the invocation under way: {id, onEmptyLoop}

function onInvocation(headers, body) {
  const invocation = { id: headers['lambda-runtime-aws-request-id'], onEmptyLoop: undefined };
  current = invocation;
  setRequestId(invocation.id);
  const trace = headers['lambda-runtime-trace-id'];
  if (trace) process.env._X_AMZN_TRACE_ID = trace;
  else delete process.env._X_AMZN_TRACE_ID;
  client.unref();

  const wait = { forEmptyLoop: true };
  const fail = (error) => answerFault(invocation, error);
  const succeed = (result) => answer(invocation, result);
  const done = (error, result) => (error === undefined || error === null ? succeed(result) : fail(error));
  const callback = (error, result) => {
    if (current !== invocation) return;
    if (error !== undefined && error !== null) fail(error);
    else if (wait.forEmptyLoop) invocation.onEmptyLoop = () => succeed(result);
    else succeed(result);
  };
  // A promise that nothing can settle any more, or a callback that nobody kept: the answer is null.
  invocation.onEmptyLoop = () => succeed(null);

  try {
    const result = handler(parseEvent(body), createContext(headers, { succeed, fail, done }, wait), callback);
    if (typeof result?.then === 'function') result.then(succeed, fail);
  } catch (error) {
    fail(error);
  }
}

function parseEvent(body) {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new Fault('Runtime.UnmarshalError', `Unable to unmarshal input: ${error.message}`);
  }
}

function answer(invocation, result) {
  if (current !== invocation) return; // answered before; only the first answer counts
  let body;
  try {
    body = JSON.stringify(result === undefined ? null : result) ?? 'null';
  } catch {
    return answerFault(invocation, new Fault('Runtime.MarshalError', 'Unable to stringify response body'));
  }
  if (body.length > RESPONSE_BYTES_MAX / 3 && Buffer.byteLength(body) > RESPONSE_BYTES_MAX) {
    const tooLarge = {
      errorMessage: `Response payload size exceeded maximum allowed payload size (${RESPONSE_BYTES_MAX} bytes).`,
      errorType: 'Function.ResponseSizeTooLarge',
    };
    return finish(invocation, 'error', JSON.stringify(tooLarge), tooLarge.errorType);
  }
  finish(invocation, 'response', body);
}

function answerFault(invocation, error) {
  if (current !== invocation) return;
  const fault = describe(error);
  logFault('Invoke Error', error);
  finish(invocation, 'error', JSON.stringify(fault), fault.errorType);
}

function finish(invocation, outcome, body, errorType) {
  current = undefined;
  client.postAndNext(`invocation/${invocation.id}/${outcome}`, body, errorType, onInvocation);
}

/** A failure outside the handler's own call ends the process: its state is not to be trusted. */
function die(title, error, status) {
  logFault(title, error);
  // Between invocations nobody waits for an answer, and a post would queue up behind `next`.
  if (!current && handler) process.exit(status);
  const path = current ? `invocation/${current.id}/error` : 'init/error';
  const fault = describe(error);
  current = undefined;
  client.post(path, JSON.stringify(fault), fault.errorType, () => process.exit(status));
}

process.on('beforeExit', () => current?.onEmptyLoop());
process.on('uncaughtException', (error) => die('Uncaught Exception', error, EXIT_UNCAUGHT_EXCEPTION));
process.on('unhandledRejection', (reason, promise) =>
  die('Unhandled Promise Rejection', new UnhandledPromiseRejection(reason, promise), EXIT_UNHANDLED_REJECTION));

patchConsole();
loadHandler(process.env.LAMBDA_TASK_ROOT ?? '/var/task', process.env._HANDLER ?? '').then((loaded) => {
  handler = loaded;
  client.next(onInvocation);
}, (error) => die('Uncaught Exception', error, 1));
