CREATE TABLE IF NOT EXISTS kingpost_meta (
  name text PRIMARY KEY,
  value text NOT NULL
);

DROP TABLE IF EXISTS kingpost_outbox;

CREATE SEQUENCE IF NOT EXISTS kingpost_outbox_seq;

CREATE SEQUENCE IF NOT EXISTS kingpost_outbox_slot MINVALUE 0 MAXVALUE 3 START 0;

CREATE SEQUENCE IF NOT EXISTS kingpost_outbox_bell MINVALUE 0 MAXVALUE 1 START 0;

SELECT setval('kingpost_outbox_slot', 0), setval('kingpost_outbox_bell', 0);

CREATE TABLE kingpost_outbox (
  slot smallint NOT NULL,
  seq bigint NOT NULL DEFAULT nextval('public.kingpost_outbox_seq'),
  entity text NOT NULL,
  old json,
  new json,
  transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at timestamptz NOT NULL DEFAULT clock_timestamp()
) PARTITION BY LIST (slot);

CREATE TABLE kingpost_outbox_0 PARTITION OF kingpost_outbox FOR VALUES IN (0);

CREATE TABLE kingpost_outbox_1 PARTITION OF kingpost_outbox FOR VALUES IN (1);

CREATE TABLE kingpost_outbox_2 PARTITION OF kingpost_outbox FOR VALUES IN (2);

CREATE TABLE kingpost_outbox_3 PARTITION OF kingpost_outbox FOR VALUES IN (3);

CREATE INDEX kingpost_outbox_seq_idx ON kingpost_outbox (seq);

CREATE OR REPLACE FUNCTION kingpost_outbox_capture() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.kingpost_outbox (slot, entity, old, new)
  VALUES (pg_sequence_last_value('public.kingpost_outbox_slot'::regclass), TG_ARGV[0], row_to_json(OLD), row_to_json(NEW));
  IF pg_sequence_last_value('public.kingpost_outbox_bell'::regclass) = 1 THEN
    PERFORM setval('public.kingpost_outbox_bell', 0);
    PERFORM pg_notify('kingpost_outbox', '');
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION kingpost_outbox_capture_exact() RETURNS trigger LANGUAGE plpgsql
SET IntervalStyle = 'postgres' SET bytea_output = 'hex' AS $$
BEGIN
  INSERT INTO public.kingpost_outbox (slot, entity, old, new)
  VALUES (pg_sequence_last_value('public.kingpost_outbox_slot'::regclass), TG_ARGV[0], row_to_json(OLD), row_to_json(NEW));
  IF pg_sequence_last_value('public.kingpost_outbox_bell'::regclass) = 1 THEN
    PERFORM setval('public.kingpost_outbox_bell', 0);
    PERFORM pg_notify('kingpost_outbox', '');
  END IF;
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION kingpost_outbox_raise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := OLD.version + 1;
  RETURN NEW;
END $$;

INSERT INTO kingpost_meta VALUES ('outbox_identity', left(md5(gen_random_uuid()::text), 8)) ON CONFLICT DO NOTHING;

INSERT INTO kingpost_meta VALUES ('outbox_trimmed', nextval('kingpost_outbox_seq')::text)
ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value;

CREATE TABLE "org" (
  "slug" text COLLATE "C" NOT NULL,
  "name" text COLLATE "C" NOT NULL,
  "version" bigint NOT NULL DEFAULT 1,
  CONSTRAINT "org_pkey" PRIMARY KEY ("slug"),
  CONSTRAINT "org_slug_pattern" CHECK ("slug" ~ '^[a-z]+$')
);

CREATE TABLE "person" (
  "id" bigint NOT NULL,
  "org" text COLLATE "C" NOT NULL,
  "first" text COLLATE "C" NOT NULL,
  "last" text COLLATE "C" NOT NULL,
  "email" text COLLATE "C" NOT NULL,
  "ssn" text COLLATE "C",
  "salary" numeric(12, 2),
  "phone" text COLLATE "C",
  "manager" bigint,
  "version" bigint NOT NULL DEFAULT 1,
  CONSTRAINT "person_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "person_email_max_length" CHECK (char_length("email") <= 80),
  CONSTRAINT "person_salary_finite" CHECK ("salary" > '-Infinity'::numeric AND "salary" < 'Infinity'::numeric),
  CONSTRAINT "person_salary_ge" CHECK ("salary" >= '0'::numeric)
);

CREATE TABLE "team" (
  "code" text COLLATE "C" NOT NULL,
  "name" text COLLATE "C" NOT NULL,
  "motto" text COLLATE "C",
  "version" bigint NOT NULL DEFAULT 1,
  CONSTRAINT "team_pkey" PRIMARY KEY ("code")
);

CREATE TABLE "membership" (
  "team" text COLLATE "C" NOT NULL,
  "person" bigint NOT NULL,
  "since" date NOT NULL,
  "lead" boolean NOT NULL,
  "version" bigint NOT NULL DEFAULT 1,
  CONSTRAINT "membership_pkey" PRIMARY KEY ("team", "person")
);

CREATE TABLE "project" (
  "id" uuid NOT NULL,
  "team" text COLLATE "C" NOT NULL,
  "owner" bigint,
  "name" text COLLATE "C" NOT NULL,
  "status" text COLLATE "C" NOT NULL,
  "budget" numeric(20, 4) NOT NULL,
  "spent" numeric(20, 4),
  "priority" bigint,
  "score" double precision,
  "secret" boolean NOT NULL,
  "starts_at" timestamptz NOT NULL,
  "ends_at" timestamptz,
  "due" date,
  "daily_at" time,
  "effort" interval,
  "token" uuid,
  "logo" bytea,
  "tags" text[] COLLATE "C" NOT NULL,
  "votes" bigint[],
  "settings" jsonb NOT NULL,
  "order" bigint,
  "created_at" timestamptz NOT NULL,
  "created_by" text COLLATE "C",
  "updated_at" timestamptz NOT NULL,
  "updated_by" text COLLATE "C",
  "deleted_at" timestamptz,
  "version" bigint NOT NULL DEFAULT 1,
  CONSTRAINT "project_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "project_name_min_length" CHECK (char_length("name") >= 1),
  CONSTRAINT "project_name_max_length" CHECK (char_length("name") <= 200),
  CONSTRAINT "project_status_choices" CHECK ("status" = ANY (ARRAY['draft', 'running', 'done']::text[])),
  CONSTRAINT "project_budget_finite" CHECK ("budget" > '-Infinity'::numeric AND "budget" < 'Infinity'::numeric),
  CONSTRAINT "project_spent_finite" CHECK ("spent" > '-Infinity'::numeric AND "spent" < 'Infinity'::numeric),
  CONSTRAINT "project_priority_ge" CHECK ("priority" >= '-9223372036854775808'::bigint),
  CONSTRAINT "project_priority_le" CHECK ("priority" <= '9223372036854775807'::bigint),
  CONSTRAINT "project_score_finite" CHECK ("score" > '-Infinity'::double precision AND "score" < 'Infinity'::double precision),
  CONSTRAINT "project_tags_elements" CHECK (CASE WHEN array_ndims("tags") > 1 THEN FALSE ELSE array_position("tags", NULL) IS NULL END),
  CONSTRAINT "project_votes_elements" CHECK (CASE WHEN array_ndims("votes") > 1 THEN FALSE ELSE array_position("votes", NULL) IS NULL END),
  CONSTRAINT "project_votes_max_length" CHECK (cardinality("votes") <= 100),
  CONSTRAINT "project_ends_after_start_check" CHECK (("ends_at" > "starts_at")),
  CONSTRAINT "project_not_overspent_check" CHECK (("spent" <= ("budget" * '2'::numeric)))
);

CREATE INDEX "person_last_first_idx" ON "person" ("last", "first", "id");

CREATE INDEX "person_salary_idx" ON "person" ("salary" DESC NULLS LAST, "id" DESC);

CREATE UNIQUE INDEX "person_email_org_key" ON "person" ("email", "org");

CREATE INDEX "person_org_idx" ON "person" ("org", "id");

CREATE INDEX "person_manager_idx" ON "person" ("manager", "id");

CREATE INDEX "team_name_idx" ON "team" ("name", "code");

CREATE INDEX "membership_person_idx" ON "membership" ("person", "team");

CREATE INDEX "project_team_due_idx" ON "project" ("team", "due" DESC NULLS LAST, "id" DESC);

CREATE INDEX "project_priority_idx" ON "project" ("priority" DESC NULLS LAST, "id" DESC);

CREATE INDEX "project_score_idx" ON "project" ("score", "id");

CREATE INDEX "project_status_starts_at_idx" ON "project" ("status", "starts_at", "id");

CREATE INDEX "project_name_idx" ON "project" ("name", "id") WHERE "status" = 'running'::text;

CREATE INDEX "project_owner_ends_at_name_idx" ON "project" ("owner", "ends_at" DESC NULLS LAST, "name", "id");

CREATE UNIQUE INDEX "project_team_name_key" ON "project" ("team", "name") WHERE NOT "secret";

ALTER TABLE "person" ADD CONSTRAINT "person_org_fkey" FOREIGN KEY ("org") REFERENCES "org" ("slug") ON DELETE RESTRICT;

ALTER TABLE "project" ADD CONSTRAINT "project_team_fkey" FOREIGN KEY ("team") REFERENCES "team" ("code") ON DELETE RESTRICT;

ALTER TABLE "project" ADD CONSTRAINT "project_owner_fkey" FOREIGN KEY ("owner") REFERENCES "person" ("id") ON DELETE RESTRICT;

ALTER TABLE "person" ADD CONSTRAINT "person_manager_fkey" FOREIGN KEY ("manager") REFERENCES "person" ("id") ON DELETE SET NULL;

ALTER TABLE "membership" ADD CONSTRAINT "membership_team_fkey" FOREIGN KEY ("team") REFERENCES "team" ("code") ON DELETE CASCADE;

ALTER TABLE "membership" ADD CONSTRAINT "membership_person_fkey" FOREIGN KEY ("person") REFERENCES "person" ("id") ON DELETE CASCADE;

CREATE TRIGGER kingpost_raise BEFORE UPDATE ON "org" FOR EACH ROW
WHEN (NEW."version" = OLD."version") EXECUTE FUNCTION kingpost_outbox_raise();

CREATE CONSTRAINT TRIGGER kingpost_capture AFTER INSERT OR UPDATE OR DELETE ON "org"
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (current_setting('kingpost.capture', true) IS DISTINCT FROM 'off')
EXECUTE FUNCTION kingpost_outbox_capture('Org');

CREATE TRIGGER kingpost_raise BEFORE UPDATE ON "person" FOR EACH ROW
WHEN (NEW."version" = OLD."version") EXECUTE FUNCTION kingpost_outbox_raise();

CREATE CONSTRAINT TRIGGER kingpost_capture AFTER INSERT OR UPDATE OR DELETE ON "person"
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (current_setting('kingpost.capture', true) IS DISTINCT FROM 'off')
EXECUTE FUNCTION kingpost_outbox_capture('Person');

CREATE TRIGGER kingpost_raise BEFORE UPDATE ON "team" FOR EACH ROW
WHEN (NEW."version" = OLD."version") EXECUTE FUNCTION kingpost_outbox_raise();

CREATE CONSTRAINT TRIGGER kingpost_capture AFTER INSERT OR UPDATE OR DELETE ON "team"
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (current_setting('kingpost.capture', true) IS DISTINCT FROM 'off')
EXECUTE FUNCTION kingpost_outbox_capture('Team');

CREATE TRIGGER kingpost_raise BEFORE UPDATE ON "membership" FOR EACH ROW
WHEN (NEW."version" = OLD."version") EXECUTE FUNCTION kingpost_outbox_raise();

CREATE CONSTRAINT TRIGGER kingpost_capture AFTER INSERT OR UPDATE OR DELETE ON "membership"
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (current_setting('kingpost.capture', true) IS DISTINCT FROM 'off')
EXECUTE FUNCTION kingpost_outbox_capture('Membership');

CREATE TRIGGER kingpost_raise BEFORE UPDATE ON "project" FOR EACH ROW
WHEN (NEW."version" = OLD."version") EXECUTE FUNCTION kingpost_outbox_raise();

CREATE CONSTRAINT TRIGGER kingpost_capture AFTER INSERT OR UPDATE OR DELETE ON "project"
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (current_setting('kingpost.capture', true) IS DISTINCT FROM 'off')
EXECUTE FUNCTION kingpost_outbox_capture_exact('Project');
