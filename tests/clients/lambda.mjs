// The quick start by @aws-sdk/client-lambda: node lambda.mjs ZIP NAME. Prints what it saw as one line of JSON.
import { readFile } from 'node:fs/promises';
import {
  CreateFunctionCommand, DeleteFunctionCommand, GetFunctionCommand, InvokeCommand, LambdaClient, ListFunctionsCommand,
  ListTagsCommand, paginateListFunctions, ResourceNotFoundException, TagResourceCommand, UpdateFunctionConfigurationCommand,
  waitUntilFunctionActiveV2, waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda';

const [zip, name] = process.argv.slice(2);
// The endpoint, the region and the key come from the environment alone: AWS_ENDPOINT_URL and its companions.
const client = new LambdaClient({ maxAttempts: 1 });
const seen = {};

const created = await client.send(new CreateFunctionCommand({
  FunctionName: name,
  Runtime: 'nodejs20.x',
  Handler: 'index.handler',
  Role: 'arn:aws:iam::123456789012:role/lambda-basic-exec',
  Code: { ZipFile: await readFile(zip) },
  Environment: { Variables: { GREETING: 'Hello' } },
  Timeout: 10,
}));
seen.created = { status: created.$metadata.httpStatusCode, state: created.State, arn: created.FunctionArn };

await waitUntilFunctionActiveV2({ client, maxWaitTime: 300 }, { FunctionName: name });
const invoked = await client.send(new InvokeCommand({
  FunctionName: name,
  Payload: JSON.stringify({ name: 'Grüße' }),
  LogType: 'Tail',
}));
seen.invoked = {
  status: invoked.StatusCode,
  version: invoked.ExecutedVersion,
  error: invoked.FunctionError ?? null,
  result: JSON.parse(Buffer.from(invoked.Payload).toString('utf8')),
  report: Buffer.from(invoked.LogResult, 'base64').toString('utf8').includes('REPORT RequestId: ' + invoked.$metadata.requestId),
};

const failed = await client.send(new InvokeCommand({ FunctionName: name, Payload: '{"fail":true}' }));
seen.failed = { status: failed.StatusCode, error: failed.FunctionError, type: JSON.parse(Buffer.from(failed.Payload)).errorType };

await client.send(new UpdateFunctionConfigurationCommand({ FunctionName: name, Environment: { Variables: { GREETING: 'Hi' } } }));
await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 300 }, { FunctionName: name });
const again = await client.send(new InvokeCommand({ FunctionName: name, Payload: '{"name":"you"}' }));
seen.updated = JSON.parse(Buffer.from(again.Payload)).message;

await client.send(new TagResourceCommand({ Resource: created.FunctionArn, Tags: { team: 'blue' } }));
seen.tags = (await client.send(new ListTagsCommand({ Resource: created.FunctionArn }))).Tags;

const { Configuration, Code } = await client.send(new GetFunctionCommand({ FunctionName: name }));
const download = Buffer.from(await (await fetch(Code.Location)).arrayBuffer());
seen.sameCode = download.equals(await readFile(zip)) && Configuration.CodeSize === download.length;

const first = await client.send(new ListFunctionsCommand({ MaxItems: 1 }));
seen.pageSize = first.Functions.length;
let listed = false;
for await (const page of paginateListFunctions({ client, pageSize: 2 }, {})) {
  listed ||= page.Functions.some((f) => f.FunctionName === name);
}
seen.listed = listed;

seen.deleted = (await client.send(new DeleteFunctionCommand({ FunctionName: name }))).$metadata.httpStatusCode;
try {
  await client.send(new GetFunctionCommand({ FunctionName: name }));
} catch (error) {
  seen.gone = error instanceof ResourceNotFoundException ? error.message : String(error);
}

console.log(JSON.stringify(seen));
