-- Rules of EventBridge and schedules of EventBridge Scheduler: both are an expression and what it invokes.
create table schedules (
  id             uuid primary key,
  kind           text        not null check (kind in ('rule', 'schedule')),
  account_id     text        not null,
  region         text        not null,
  name           text        not null,
  expression     text        not null,
  timezone       text        not null,
  description    text,
  is_enabled     boolean     not null,
  start_at       timestamptz,
  end_at         timestamptz,
  window_minutes integer     not null,
  deletes_itself boolean     not null,
  client_token   text,
  created_at     timestamptz not null,
  modified_at    timestamptz not null,
  anchor_at      timestamptz not null,
  handled_until  timestamptz not null,
  revision       uuid        not null,
  unique (account_id, region, kind, name)
);
create index schedules_modified on schedules (modified_at);
comment on column schedules.anchor_at is 'Rates count from here';
comment on column schedules.handled_until is 'Due times up to here have been dealt with: it only ever grows';
comment on column schedules.revision is 'New with every change: an alarm of an older one rings for nothing';

create table schedule_targets (
  schedule_id       uuid not null references schedules (id) on delete cascade,
  target_id         text not null, -- of a rule's targets; a schedule has one without
  function_arn      text not null,
  role_arn          text,
  input             text,
  maximum_retry_attempts    integer,
  maximum_event_age_seconds integer,
  dead_letter_arn   text,
  primary key (schedule_id, target_id)
);

create table schedule_fires (
  schedule_id   uuid        not null,
  target_id     text        not null,
  due_at        timestamptz not null,
  request_id    uuid        not null,
  account_id    text        not null,
  region        text        not null,
  function_name text        not null,
  qualifier     text,
  payload       bytea, -- null once it is published
  state         text        not null check (state in ('pending', 'published', 'failed')),
  reason        text, -- of a failure
  claimed_at    timestamptz not null,
  retry_at      timestamptz not null,
  primary key (schedule_id, target_id, due_at)
);
create index schedule_fires_pending on schedule_fires (retry_at) where state = 'pending';
create index schedule_fires_claimed on schedule_fires (claimed_at);
comment on table schedule_fires is 'One row for each target and due time, written before its event is published; outlives its schedule';
