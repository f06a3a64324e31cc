-- How asynchronous events of a function, or of one of its versions, are retried and where their outcome goes.

create table event_invoke_configs (
  function_id               uuid not null references functions (id) on delete cascade,
  -- $LATEST or a version number as text. Listing order is byte order, whatever the database's collation.
  qualifier                 text collate "C" not null,
  -- Null is "not set": the defaults of AWS.
  maximum_retry_attempts    integer,
  maximum_event_age_seconds integer,
  -- ARN or URL as it was given; null is none.
  on_success                text,
  on_failure                text,
  last_modified             timestamptz not null,
  primary key (function_id, qualifier)
);
