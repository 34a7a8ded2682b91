-- $1 is slot 3, $2 is slot 0, $3 is slot 1, $4 is slot 2, $5 is slot 4, $6 is slot 5, $7 is slot 6, $8 is slot 7, $9 is slot 8, $10 is slot 9, $11 is slot 10, $12 is slot 11, $13 is slot 12, $14 is slot 13, $15 is slot 14, $16 is slot 15, $17 is slot 16, $18 is slot 17, $19 is slot 18, $20 is slot 19, $21 is slot 20, $22 is slot 21, $23 is slot 22, $24 is slot 24
INSERT INTO "project" AS t2 ("id", "team", "owner", "name", "status", "budget", "spent", "priority", "score", "secret", "starts_at", "ends_at", "due", "daily_at", "effort", "token", "logo", "tags", "votes", "settings", "order", "created_at", "created_by", "updated_at", "updated_by", "deleted_at")
SELECT $1::uuid, $2::text, $3::bigint, $4::text, $5::text, $6::numeric, $7::numeric, $8::bigint, $9::double precision, $10::boolean, $11::timestamptz, $12::timestamptz, $13::date, $14::time, $15::interval, $16::uuid, $17::bytea, $18::text[], $19::bigint[], $20::jsonb, $21::bigint, $11::timestamptz, $22::text, $11::timestamptz, $22::text, $23::timestamptz
WHERE ($3::bigint IS NULL OR EXISTS (
  SELECT FROM "person" t1
  WHERE t1."id" = $3::bigint
    AND t1."org" = $24::text
))
RETURNING (
  SELECT CASE WHEN t2."deleted_at" IS NULL THEN row_to_json(r2) END
  FROM (SELECT) n LEFT JOIN LATERAL (
    SELECT row_to_json(r1) AS j
    FROM "team" t3
    CROSS JOIN LATERAL (
      SELECT t3."code" AS "code",
        t3."name" AS "name",
        t3."motto" AS "motto"
    ) r1
    WHERE t3."code" = t2."team"
  ) n1 ON TRUE
  CROSS JOIN LATERAL (
    SELECT t2."id" AS "id",
      t2."name" AS "name",
      n1.j AS "team"
  ) r2
),
  t2."version",
  '[' || COALESCE(to_json(t2."id")::text, 'null') || ']';

-- $1 is slot 3, $2 is slot 0, $3 is slot 1, $4 is slot 2, $5 is slot 4, $6 is slot 5, $7 is slot 6, $8 is slot 7, $9 is slot 8, $10 is slot 9, $11 is slot 10, $12 is slot 11, $13 is slot 12, $14 is slot 13, $15 is slot 14, $16 is slot 15, $17 is slot 16, $18 is slot 17, $19 is slot 18, $20 is slot 19, $21 is slot 20, $22 is slot 21, $23 is slot 22, $24 is slot 24
-- reference: there is no such Team /team
-- reference: there is no such Person /owner
WITH "~asked" AS (
  SELECT (EXISTS (
    SELECT FROM "team" t1
    WHERE t1."code" = $2::text
  )) AS "~f0",
    (($3::bigint IS NULL OR EXISTS (
    SELECT FROM "person" t2
    WHERE t2."id" = $3::bigint
      AND t2."org" = $24::text
  ))) AS "~f1"
),
"~done" AS (
  INSERT INTO "project" ("id", "team", "owner", "name", "status", "budget", "spent", "priority", "score", "secret", "starts_at", "ends_at", "due", "daily_at", "effort", "token", "logo", "tags", "votes", "settings", "order", "created_at", "created_by", "updated_at", "updated_by", "deleted_at")
  SELECT $1::uuid, $2::text, $3::bigint, $4::text, $5::text, $6::numeric, $7::numeric, $8::bigint, $9::double precision, $10::boolean, $11::timestamptz, $12::timestamptz, $13::date, $14::time, $15::interval, $16::uuid, $17::bytea, $18::text[], $19::bigint[], $20::jsonb, $21::bigint, $11::timestamptz, $22::text, $11::timestamptz, $22::text, $23::timestamptz
  FROM "~asked"
  WHERE "~f0"
    AND "~f1"
  RETURNING *
)
SELECT a."~f0",
  a."~f1",
  CASE WHEN t3."deleted_at" IS NULL THEN row_to_json(r2) END,
  t3."version",
  '[' || COALESCE(to_json(t3."id")::text, 'null') || ']'
FROM "~asked" a
LEFT JOIN "~done" t3 ON TRUE
LEFT JOIN LATERAL (
  SELECT row_to_json(r1) AS j
  FROM "team" t4
  CROSS JOIN LATERAL (
    SELECT t4."code" AS "code",
      t4."name" AS "name",
      t4."motto" AS "motto"
  ) r1
  WHERE t4."code" = t3."team"
) n1 ON TRUE
CROSS JOIN LATERAL (
  SELECT t3."id" AS "id",
    t3."name" AS "name",
    n1.j AS "team"
) r2;
