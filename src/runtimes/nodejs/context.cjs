// The context object that a handler gets as its second argument.
'use strict';
const env = process.env;

// What is the same for every invocation of an environment.
const shared = {
  functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
  functionName: env.AWS_LAMBDA_FUNCTION_NAME,
  memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
  logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
  logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
};

// Header values were read as latin-1; their bytes are UTF-8.
const parse = (header) => (header ? JSON.parse(Buffer.from(header, 'latin1').toString()) : undefined);

/** finish is {succeed, fail, done} of this invocation; wait is an object whose `forEmptyLoop` the setter changes. */
function createContext(headers, finish, wait) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    get callbackWaitsForEmptyEventLoop() {
      return wait.forEmptyLoop;
    },
    set callbackWaitsForEmptyEventLoop(value) {
      wait.forEmptyLoop = value;
    },
    succeed: finish.succeed,
    fail: finish.fail,
    done: finish.done,
    ...shared,
    clientContext: parse(headers['lambda-runtime-client-context']),
    identity: parse(headers['lambda-runtime-cognito-identity']),
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

module.exports = { createContext };
