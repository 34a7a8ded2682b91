-- $1 is slot 1, $2 is slot 3, $3 is slot 2, $4 is slot 0
UPDATE "flight" t1
SET "dep_delay" = $4::bigint,
  "version" = t1."version" + 1
WHERE t1."id" = $1::uuid
  AND t1."airline" = $2::text
  AND t1."version" = $3::bigint
RETURNING (
  SELECT row_to_json(r1)
  FROM (SELECT) n CROSS JOIN LATERAL (
    SELECT t1."id" AS "id",
      t1."airline" AS "airline",
      t1."origin" AS "origin",
      t1."dest" AS "dest",
      t1."plane" AS "plane",
      t1."tailnum" AS "tailnum",
      t1."number" AS "number",
      t1."departs_at" AS "departs_at",
      t1."dep_delay" AS "dep_delay",
      t1."status" AS "status",
      t1."remarks" AS "remarks"
  ) r1
),
  t1."version",
  NULL::text;

-- $1 is slot 1, $2 is slot 3, $3 is slot 2, $4 is slot 0
-- forbidden: you may not change this Flight
-- stale: the row was changed since you read it
WITH "~target" AS (
  SELECT t1.*,
    (t1."airline" = $2::text) AS "~f0",
    (t1."version" = $3::bigint) AS "~f1"
  FROM "flight" t1
  WHERE t1."id" = $1::uuid
  FOR NO KEY UPDATE
),
"~done" AS (
  UPDATE "flight" t2
  SET "dep_delay" = $4::bigint,
    "version" = t2."version" + 1
  FROM "~target" x
  WHERE t2."id" = x."id"
    AND x."~f0"
    AND x."~f1"
  RETURNING t2.*
)
SELECT x."~f0",
  x."~f1",
  row_to_json(r1),
  t3."version",
  NULL::text
FROM "~target" x
LEFT JOIN "~done" t3 ON TRUE
CROSS JOIN LATERAL (
  SELECT t3."id" AS "id",
    t3."airline" AS "airline",
    t3."origin" AS "origin",
    t3."dest" AS "dest",
    t3."plane" AS "plane",
    t3."tailnum" AS "tailnum",
    t3."number" AS "number",
    t3."departs_at" AS "departs_at",
    t3."dep_delay" AS "dep_delay",
    t3."status" AS "status",
    t3."remarks" AS "remarks"
) r1;
