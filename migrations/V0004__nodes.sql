-- Processes that are alive: who must acknowledge a change of a function before it is Successful.
create table nodes (
  id text primary key,
  roles text[] not null,
  lease_until timestamptz not null
);
