-- Queues whose messages a function gets in batches, and which process serves each.

create table event_source_mappings (
  id                  uuid primary key,
  account_id          text        not null,
  region              text        not null,
  -- No foreign key: a mapping outlives its function, as on AWS.
  function_name       text        not null,
  qualifier           text,
  source_arn          text        not null,
  shape               integer     not null, -- 0 aws:sqs, 1 aws:rmq
  queue               text        not null, -- of the users' virtual host
  source_access       text[]      not null, -- 'TYPE URI', as given
  batch_size          integer     not null,
  window_seconds      integer     not null,
  maximum_concurrency integer,
  filters             text[]      not null,
  response_types      text[]      not null,
  enabled             boolean     not null,
  revision            bigint      not null,
  last_modified       timestamptz not null,
  -- Of the process that serves it; the token rises with every new owner.
  lease_owner         text,
  lease_token         bigint      not null default 0,
  lease_until         timestamptz not null default '-infinity',
  last_error          text,
  last_error_at       timestamptz
);
create unique index event_source_mappings_once
  on event_source_mappings (account_id, region, source_arn, queue, function_name, coalesce(qualifier, ''));
