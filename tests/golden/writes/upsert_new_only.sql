-- $1 is slot 0, $2 is slot 9, $3 is slot 1, $4 is slot 2, $5 is slot 3, $6 is slot 4, $7 is slot 5, $8 is slot 6, $9 is slot 7, $10 is slot 8, $11 is slot 10, $12 is slot 11, $13 is slot 12
-- stale: there is such a row
-- forbidden: you may not create this Flight
-- reference: there is no such Airline /airline
-- reference: there is no such Airport /origin
-- reference: there is no such Airport /dest
-- reference: there is no such Plane /plane
WITH "~asked" AS (
  SELECT ($3::text = $13::text) AS "~f0",
    (EXISTS (
    SELECT FROM "airline" t2
    WHERE t2."carrier" = $3::text
  )) AS "~f1",
    (EXISTS (
    SELECT FROM "airport" t3
    WHERE t3."faa" = $4::text
  )) AS "~f2",
    (EXISTS (
    SELECT FROM "airport" t4
    WHERE t4."faa" = $5::text
  )) AS "~f3",
    (($6::text IS NULL OR EXISTS (
    SELECT FROM "plane" t5
    WHERE t5."tailnum" = $6::text
  ))) AS "~f4"
),
"~target" AS (
  SELECT t1.*
  FROM "flight" t1
  WHERE t1."id" = $1::uuid
  FOR NO KEY UPDATE
),
"~made" AS (
  INSERT INTO "flight" ("id", "airline", "origin", "dest", "plane", "tailnum", "number", "departs_at", "dep_delay", "status", "remarks")
  SELECT $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::text, $8::bigint, $9::timestamptz, $10::bigint, $11::text, $12::text
  FROM "~asked"
  WHERE NOT EXISTS (SELECT FROM "~target")
    AND "~f0"
    AND "~f1"
    AND "~f2"
    AND "~f3"
    AND "~f4"
  ON CONFLICT ("id") DO NOTHING
  RETURNING *
),
"~row" AS (SELECT * FROM "~made")
SELECT NOT (x."id" IS NOT NULL),
  x."id" IS NOT NULL OR a."~f0",
  x."id" IS NOT NULL OR a."~f1",
  x."id" IS NOT NULL OR a."~f2",
  x."id" IS NOT NULL OR a."~f3",
  x."id" IS NOT NULL OR a."~f4",
  row_to_json(r1),
  t6."version",
  NULL::text,
  NOT (x."id" IS NOT NULL)
FROM "~asked" a
LEFT JOIN "~target" x ON TRUE
LEFT JOIN "~row" t6 ON TRUE
CROSS JOIN LATERAL (
  SELECT t6."id" AS "id",
    t6."airline" AS "airline",
    t6."origin" AS "origin",
    t6."dest" AS "dest",
    t6."plane" AS "plane",
    t6."tailnum" AS "tailnum",
    t6."number" AS "number",
    t6."departs_at" AS "departs_at",
    t6."dep_delay" AS "dep_delay",
    t6."status" AS "status",
    t6."remarks" AS "remarks"
) r1;
