-- Functions, their versions, the code they run and the deployments made of both.

create table functions (
  id           uuid primary key,
  account_id   text not null,
  region       text not null,
  name         text not null,
  next_version integer not null default 1,
  -- json, not jsonb, here and below: what users wrote is kept verbatim, order and escapes included.
  tags         json not null default '{}',
  created_at   timestamptz not null
);
-- Listing order is the byte order of names, whatever the database's collation.
create unique index functions_key on functions (account_id, region, name collate "C");

create table code_packages (
  digest     text primary key check (digest ~ '^[0-9a-f]{64}$'),
  size       bigint not null,
  bytes      bytea not null,
  created_at timestamptz not null
);
-- A zip does not compress twice.
alter table code_packages alter column bytes set storage external;

-- Immutable. An old one stays for a while after its function moved on: requests for it may be under way.
create table deployments (
  id          text primary key,
  account_id  text not null,
  region      text not null,
  name        text not null,
  code_digest text not null references code_packages (digest),
  spec        json not null,
  created_at  timestamptz not null,
  retired_at  timestamptz
);
create index deployments_function on deployments (account_id, region, name);
create index deployments_code on deployments (code_digest);

create table function_versions (
  function_id                    uuid not null references functions (id) on delete cascade,
  -- 0 is $LATEST.
  number                         integer not null,
  spec                           json not null,
  code_digest                    text not null references code_packages (digest),
  code_size                      bigint not null,
  deployment_id                  text not null references deployments (id),
  -- The last one that became Successful: what runs on when an update fails.
  served_deployment_id           text references deployments (id),
  revision_id                    uuid not null,
  last_modified                  timestamptz not null,
  state                          text not null,
  state_reason                   text,
  state_reason_code              text,
  last_update_status             text,
  last_update_status_reason      text,
  last_update_status_reason_code text,
  primary key (function_id, number)
);
create index function_versions_code on function_versions (code_digest);
create index function_versions_deployment on function_versions (deployment_id);
create index function_versions_served on function_versions (served_deployment_id);
create index function_versions_unfinished on function_versions (last_modified)
  where state = 'Pending' or last_update_status = 'InProgress';

-- Deletes that not every node has acknowledged yet.
create table function_deletions (
  revision_id uuid primary key,
  account_id  text not null,
  region      text not null,
  name        text not null,
  deleted_at  timestamptz not null
);

create table settings (
  name  text primary key,
  value bytea not null
);
