-- What became of every asynchronous invocation. A row is 'waiting' between two attempts; once it is anything else it stays so.
create table event_outcomes (
  request_id     uuid primary key,
  account_id     text        not null,
  region         text        not null,
  function_name  text        not null,
  qualifier      text,
  trigger        text        not null,
  state          text        not null check (state in ('waiting', 'succeeded', 'failed', 'expired')),
  condition      text, -- null while it waits
  attempts       integer     not null,
  accepted_at    timestamptz not null,
  updated_at     timestamptz not null,
  retry_at       timestamptz,
  error          text,
  delivery_error text -- of a destination or dead-letter queue
);
create index event_outcomes_function on event_outcomes (function_name, accepted_at desc);
create index event_outcomes_accepted on event_outcomes (accepted_at desc);
comment on table event_outcomes is 'One row for every accepted event, written before the event leaves its queue';
