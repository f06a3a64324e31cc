// console.* as Lambda writes it: one line for each call, with time, request id and level.
'use strict';
const { writeSync } = require('node:fs');
const { formatWithOptions } = require('node:util');
const { describe } = require('./faults.cjs');

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const json = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
const lowest = json ? Math.max(LEVELS.indexOf((process.env.AWS_LAMBDA_LOG_LEVEL ?? 'TRACE').toUpperCase()), 0) : 0;
let requestId;

function setRequestId(id) {
  requestId = id;
}

/** Writes all of it before it returns, so that the log of a run is complete before its result is known. */
function write(line) {
  let data = Buffer.from(line);
  while (data.length > 0) {
    try {
      data = data.subarray(writeSync(1, data));
    } catch (error) {
      if (error.code !== 'EAGAIN') return;
      // A full pipe that user code made non-blocking: wait for its reader.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

// The platform takes a carriage return for a line break inside an event.
function writeText(level, message) {
  write(`${new Date().toISOString()}\t${requestId}\t${level}\t${message.replaceAll('\n', '\r')}\n`);
}

function writeJson(level, args) {
  const entry = { timestamp: new Date().toISOString(), level, requestId };
  const error = args.find((arg) => arg instanceof Error);
  if (args.length === 1 && !error) {
    entry.message = args[0];
  } else {
    entry.message = formatWithOptions({}, ...args);
    if (error) Object.assign(entry, { errorType: error.name, errorMessage: error.message, stackTrace: error.stack?.split('\n') });
  }
  let line;
  try {
    line = JSON.stringify(entry);
  } catch {
    line = JSON.stringify({ ...entry, message: formatWithOptions({}, ...args) });
  }
  write(`${line}\n`);
}

/** Logs a failure that reached the platform, the way Lambda titles it. */
function logFault(title, error) {
  const fault = describe(error);
  if (json) return writeJson('ERROR', [{ ...fault, stackTrace: fault.trace, trace: undefined }]);
  const { errorType, errorMessage, trace, ...rest } = fault;
  writeText('ERROR', `${title} \t${JSON.stringify({ errorType, errorMessage, ...rest, stack: trace })}`);
}

function patchConsole() {
  const method = (level) => LEVELS.indexOf(level) < lowest ? () => {}
    : json ? (...args) => writeJson(level, args)
      : (...args) => writeText(level, formatWithOptions({}, ...args));
  console.log = console.info = method('INFO');
  console.debug = method('DEBUG');
  console.warn = method('WARN');
  console.error = method('ERROR');
  console.trace = method('TRACE');
  console.fatal = method('FATAL');
}

module.exports = { setRequestId, logFault, patchConsole };
