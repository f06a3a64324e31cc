// What a failure looks like to the caller.
'use strict';
const { types } = require('node:util');

/** A failure that has an errorType of Lambda's own, instead of the name of an error class. */
class Fault extends Error {
  constructor(errorType, message, cause) {
    super(message);
    this.name = errorType;
    if (cause?.stack) this.stack = `${errorType}: ${message}\n${cause.stack.split('\n').filter((l) => l.startsWith('    at ')).join('\n')}`;
  }
}

class UnhandledPromiseRejection extends Fault {
  constructor(reason, promise) {
    super('Runtime.UnhandledPromiseRejection', String(reason));
    this.reason = reason;
    this.promise = promise;
  }
}

/** The error object that is posted to the platform and becomes the caller's payload. */
function describe(error) {
  try {
    if (!isError(error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
    const fault = { errorType: String(error.name), errorMessage: String(error.message), trace: String(error.stack).split('\n') };
    if (error instanceof UnhandledPromiseRejection) {
      fault.reason = isError(error.reason) ? describe(error.reason) : error.reason;
      fault.promise = {};
    }
    return fault;
  } catch {
    return { errorType: 'handled', errorMessage: 'callback called with an error that cannot be described', trace: [] };
  }
}

function isError(value) {
  return types.isNativeError(value) || (value?.name !== undefined && value?.message !== undefined && value?.stack !== undefined);
}

module.exports = { Fault, UnhandledPromiseRejection, describe };
