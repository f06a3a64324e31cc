-- Who may sign requests. The secret is readable: SigV4 derives its keys from the secret itself.
create table access_keys (
    id          text primary key check (id ~ '^[A-Za-z0-9_]{3,128}$'),
    secret      text not null check (secret <> ''),
    account_id  text not null check (account_id ~ '^[0-9]{12}$'),
    arn         text not null,
    user_id     text not null,
    created_at  timestamptz not null default now(),
    enabled     boolean not null default true
);
