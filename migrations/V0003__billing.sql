-- One row per run. The primary key of a partitioned table must contain the partition column, so the day comes from
-- the run id itself (UUIDv7): every copy of a record meets the same key.
create table invocation_records (
  run_day        date             not null,
  run_id         uuid             not null,
  request_id     uuid             not null,
  account_id     text             not null,
  region         text             not null,
  function_name  text             not null,
  version        text             not null,
  deployment     text             not null,
  architecture   text             not null,
  trigger        text             not null,
  attempt        integer          not null,
  delivery       integer          not null,
  memory_mb      integer          not null,
  ephemeral_mb   integer          not null,
  billed_ms      bigint           not null,
  duration_ms    double precision not null,
  init_ms        double precision not null,
  peak_memory_mb integer          not null,
  outcome        smallint         not null, -- RunOutcome in Fnq.Contracts; 7 is PlatformLost
  worker         text             not null,
  environment    text             not null,
  started_at     timestamptz      not null,
  recorded_at    timestamptz      not null default now(),
  primary key (run_day, run_id)
) partition by range (run_day);

comment on table invocation_records is 'Metered facts of every run, written once, never updated';

-- Makes the partition of a day unless it is there. Several recorders may ask at once: the lock makes them take turns.
-- Attach instead of "create table ... partition of": it does not wait for, or hold up, readers of the other days.
create function provide_invocation_records_partition(day date) returns void language plpgsql as $$
declare
  partition text := 'invocation_records_' || to_char(day, 'YYYYMMDD');
begin
  if to_regclass(format('%I.%I', current_schema(), partition)) is not null then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended(current_schema() || '.invocation_records', 0));
  if to_regclass(format('%I.%I', current_schema(), partition)) is not null then
    return;
  end if;
  execute format('create table %I (like invocation_records including all)', partition);
  execute format('alter table %I add constraint run_day_range check (run_day >= %L and run_day < %L)', partition, day, day + 1);
  execute format('alter table invocation_records attach partition %I for values from (%L) to (%L)', partition, day, day + 1);
  execute format('alter table %I drop constraint run_day_range', partition);
end
$$;

-- Prices in US dollars per unit, by effective date. Region '*' holds where a region has no row of its own.
-- A tier holds from its quantity a month upwards (in the price's unit, after the free allowance).
create table prices (
  region         text           not null default '*',
  item           text           not null, -- request, gb_second, ephemeral_gb_second, provisioned_gb_second, provisioned_duration_gb_second
  architecture   text           not null, -- x86_64 or arm64; '*' where the price is the same for both
  tier_from      numeric(24, 6) not null default 0,
  usd_per_unit   numeric(20, 12) not null,
  effective_from date           not null,
  primary key (region, item, architecture, tier_from, effective_from)
);

create table free_allowances (
  region         text           not null default '*',
  item           text           not null,
  units_a_month  numeric(24, 6) not null,
  effective_from date           not null,
  primary key (region, item, effective_from)
);

-- AWS Lambda, US East (N. Virginia).
insert into prices (item, architecture, tier_from, usd_per_unit, effective_from) values
  ('request',                        '*',      0,            0.0000002,    '2020-01-01'),
  ('gb_second',                      'x86_64', 0,            0.0000166667, '2020-01-01'),
  ('gb_second',                      'x86_64', 6000000000,   0.0000150000, '2020-01-01'),
  ('gb_second',                      'x86_64', 15000000000,  0.0000133334, '2020-01-01'),
  ('gb_second',                      'arm64',  0,            0.0000133334, '2020-01-01'),
  ('gb_second',                      'arm64',  7500000000,   0.0000120001, '2020-01-01'),
  ('gb_second',                      'arm64',  18750000000,  0.0000106667, '2020-01-01'),
  ('ephemeral_gb_second',            '*',      0,            0.0000000309, '2020-01-01'),
  ('provisioned_gb_second',          'x86_64', 0,            0.0000041667, '2020-01-01'),
  ('provisioned_gb_second',          'arm64',  0,            0.0000033334, '2020-01-01'),
  ('provisioned_duration_gb_second', 'x86_64', 0,            0.0000097222, '2020-01-01'),
  ('provisioned_duration_gb_second', 'arm64',  0,            0.0000077778, '2020-01-01');

insert into free_allowances (item, units_a_month, effective_from) values
  ('request',   1000000, '2020-01-01'),
  ('gb_second', 400000,  '2020-01-01');
