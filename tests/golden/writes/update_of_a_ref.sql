-- $1 is slot 3, $2 is slot 4, $3 is slot 0, $4 is slot 1, $5 is slot 2, $6 is slot 5
UPDATE "project" t1
SET "owner" = $3::bigint,
  "updated_at" = $4::timestamptz,
  "updated_by" = $5::text,
  "version" = t1."version" + 1
WHERE t1."id" = $1::uuid
  AND NOT t1."secret"
  AND t1."deleted_at" IS NULL
  AND t1."owner" = $2::bigint
  AND $3::bigint = $2::bigint
  AND (($3::bigint IS NULL OR EXISTS (
  SELECT FROM "person" t2
  WHERE t2."id" = $3::bigint
    AND t2."org" = $6::text
))) IS TRUE
RETURNING (
  SELECT CASE WHEN NOT t1."secret" AND t1."deleted_at" IS NULL THEN row_to_json(r2) END
  FROM (SELECT) n LEFT JOIN LATERAL (
    SELECT row_to_json(r1) AS j
    FROM "team" t3
    CROSS JOIN LATERAL (
      SELECT t3."code" AS "code",
        t3."name" AS "name",
        t3."motto" AS "motto"
    ) r1
    WHERE t3."code" = t1."team"
      AND EXISTS (SELECT FROM "membership" t4 WHERE t4."team" = t1."team" AND t4."person" = $2::bigint)
  ) n1 ON TRUE
  CROSS JOIN LATERAL (
    SELECT t1."id" AS "id",
      t1."name" AS "name",
      n1.j AS "team"
  ) r2
),
  t1."version",
  '[' || COALESCE(to_json(t1."id")::text, 'null') || ']';

-- $1 is slot 3, $2 is slot 4, $3 is slot 0, $4 is slot 1, $5 is slot 2, $6 is slot 5
-- forbidden: you may not change this Project
-- forbidden: you may not leave the Project like this
-- reference: there is no such Person /owner
WITH "~target" AS (
  SELECT t1.*,
    (t1."owner" = $2::bigint) AS "~f0",
    ($3::bigint = $2::bigint) AS "~f1",
    (($3::bigint IS NULL OR EXISTS (
    SELECT FROM "person" t2
    WHERE t2."id" = $3::bigint
      AND t2."org" = $6::text
  ))) AS "~f2"
  FROM "project" t1
  WHERE t1."id" = $1::uuid
    AND NOT t1."secret"
    AND t1."deleted_at" IS NULL
  FOR NO KEY UPDATE
),
"~done" AS (
  UPDATE "project" t3
  SET "owner" = $3::bigint,
    "updated_at" = $4::timestamptz,
    "updated_by" = $5::text,
    "version" = t3."version" + 1
  FROM "~target" x
  WHERE t3."id" = x."id"
    AND x."~f0"
    AND x."~f1"
    AND x."~f2"
  RETURNING t3.*
)
SELECT x."~f0",
  x."~f1",
  x."~f2",
  CASE WHEN NOT t4."secret" AND t4."deleted_at" IS NULL THEN row_to_json(r2) END,
  t4."version",
  '[' || COALESCE(to_json(t4."id")::text, 'null') || ']'
FROM "~target" x
LEFT JOIN "~done" t4 ON TRUE
LEFT JOIN LATERAL (
  SELECT row_to_json(r1) AS j
  FROM "team" t5
  CROSS JOIN LATERAL (
    SELECT t5."code" AS "code",
      t5."name" AS "name",
      t5."motto" AS "motto"
  ) r1
  WHERE t5."code" = t4."team"
    AND EXISTS (SELECT FROM "membership" t6 WHERE t6."team" = t4."team" AND t6."person" = $2::bigint)
) n1 ON TRUE
CROSS JOIN LATERAL (
  SELECT t4."id" AS "id",
    t4."name" AS "name",
    n1.j AS "team"
) r2;
