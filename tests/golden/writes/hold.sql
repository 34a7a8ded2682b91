-- $1 is slot 0
WITH "~target" AS (
  SELECT t1.*
  FROM "flight" t1
  WHERE t1."id" = $1::uuid
  FOR NO KEY UPDATE
)
SELECT row_to_json(r1),
  x."version",
  NULL::text
FROM "~target" x
CROSS JOIN LATERAL (
  SELECT x."id" AS "id",
    x."airline" AS "airline",
    x."origin" AS "origin",
    x."dest" AS "dest",
    x."plane" AS "plane",
    x."tailnum" AS "tailnum",
    x."number" AS "number",
    x."departs_at" AS "departs_at",
    x."dep_delay" AS "dep_delay",
    x."status" AS "status",
    x."remarks" AS "remarks"
) r1;
