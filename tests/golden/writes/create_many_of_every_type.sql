-- $1 is slot 3, $2 is slot 0, $3 is slot 4, $4 is slot 1, $5 is slot 5, $6 is slot 6, $7 is slot 7, $8 is slot 8, $9 is slot 9, $10 is slot 10, $11 is slot 11, $12 is slot 12, $13 is slot 13, $14 is slot 14, $15 is slot 15, $16 is slot 16, $17 is slot 17, $18 is slot 2, $19 is slot 18, $20 is slot 19, $21 is slot 20, $22 is slot 21, $23 is slot 22
-- reference: there is no such Team /team
WITH "~new" AS (
  SELECT n.c1 AS "id",
    n.c2 COLLATE "C" AS "team",
    $3::bigint AS "owner",
    n.c3 COLLATE "C" AS "name",
    $5::text AS "status",
    $6::numeric AS "budget",
    $7::numeric AS "spent",
    $8::bigint AS "priority",
    $9::double precision AS "score",
    $10::boolean AS "secret",
    $11::timestamptz AS "starts_at",
    $12::timestamptz AS "ends_at",
    $13::date AS "due",
    $14::time AS "daily_at",
    $15::interval AS "effort",
    $16::uuid AS "token",
    $17::bytea AS "logo",
    n.c4::text[] COLLATE "C" AS "tags",
    $19::bigint[] AS "votes",
    $20::jsonb AS "settings",
    $21::bigint AS "order",
    $11::timestamptz AS "created_at",
    $22::text AS "created_by",
    $11::timestamptz AS "updated_at",
    $22::text AS "updated_by",
    $23::timestamptz AS "deleted_at",
    n."~n"
  FROM unnest($1::uuid[], $2::text[], $4::text[], $18::text[]) WITH ORDINALITY n(c1, c2, c3, c4, "~n")
),
"~judged" AS (
  SELECT n1.*,
    (EXISTS (
    SELECT FROM "team" t1
    WHERE t1."code" = n1."team"
  )) AS "~f0"
  FROM "~new" n1
),
"~done" AS (
  INSERT INTO "project" ("id", "team", "owner", "name", "status", "budget", "spent", "priority", "score", "secret", "starts_at", "ends_at", "due", "daily_at", "effort", "token", "logo", "tags", "votes", "settings", "order", "created_at", "created_by", "updated_at", "updated_by", "deleted_at")
  SELECT "id", "team", "owner", "name", "status", "budget", "spent", "priority", "score", "secret", "starts_at", "ends_at", "due", "daily_at", "effort", "token", "logo", "tags", "votes", "settings", "order", "created_at", "created_by", "updated_at", "updated_by", "deleted_at"
  FROM "~judged"
  WHERE (SELECT bool_and(("~f0") IS TRUE) FROM "~judged")
  RETURNING *
)
SELECT j."~f0",
  CASE WHEN t2."deleted_at" IS NULL THEN row_to_json(r2) END,
  t2."version",
  NULL::text
FROM "~judged" j
LEFT JOIN "~done" t2 ON t2."id" = j."id"
LEFT JOIN LATERAL (
  SELECT row_to_json(r1) AS j
  FROM "team" t3
  CROSS JOIN LATERAL (
    SELECT t3."code" AS "code",
      t3."name" AS "name",
      t3."motto" AS "motto"
  ) r1
  WHERE t3."code" = t2."team"
) n2 ON TRUE
CROSS JOIN LATERAL (
  SELECT t2."id" AS "id",
    t2."name" AS "name",
    n2.j AS "team"
) r2
ORDER BY j."~n";
