-- Who may invoke a function beside its own account's users: statements of its resource policy, as text in AWS's order.
create table function_policy_statements (
  function_id  uuid    not null references functions (id) on delete cascade,
  -- '' is the function itself; else a version.
  qualifier    text    collate "C" not null,
  statement_id text    collate "C" not null,
  position     bigint  generated always as identity,
  statement    text    not null,
  primary key (function_id, qualifier, statement_id)
);

-- Addresses at which functions are called over plain HTTP.
create table function_urls (
  id            text primary key check (id ~ '^[a-z0-9]{32}$'),
  function_id   uuid        not null references functions (id) on delete cascade,
  qualifier     text        collate "C" not null,
  auth_type     text        not null check (auth_type in ('NONE', 'AWS_IAM')),
  invoke_mode   text,
  -- json, not jsonb: shown as it was given.
  cors          json,
  created_at    timestamptz not null,
  last_modified timestamptz not null,
  unique (function_id, qualifier)
);
