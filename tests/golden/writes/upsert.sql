-- $1 is slot 0, $2 is slot 12, $3 is slot 1, $4 is slot 2, $5 is slot 3, $6 is slot 4, $7 is slot 5, $8 is slot 6, $9 is slot 7, $10 is slot 8, $11 is slot 10, $12 is slot 11, $13 is slot 9
-- forbidden: you may not change this Flight
-- forbidden: you may not leave the Flight like this
-- reference: there is no such Airline /airline
-- reference: there is no such Airport /origin
-- reference: there is no such Airport /dest
-- reference: there is no such Plane /plane
-- forbidden: you may not create this Flight
-- reference: there is no such Airline /airline
-- reference: there is no such Airport /origin
-- reference: there is no such Airport /dest
-- reference: there is no such Plane /plane
WITH "~asked" AS (
  SELECT ($3::text = $2::text) AS "~f0",
    (EXISTS (
    SELECT FROM "airline" t7
    WHERE t7."carrier" = $3::text
  )) AS "~f1",
    (EXISTS (
    SELECT FROM "airport" t8
    WHERE t8."faa" = $4::text
  )) AS "~f2",
    (EXISTS (
    SELECT FROM "airport" t9
    WHERE t9."faa" = $5::text
  )) AS "~f3",
    (($6::text IS NULL OR EXISTS (
    SELECT FROM "plane" t10
    WHERE t10."tailnum" = $6::text
  ))) AS "~f4"
),
"~target" AS (
  SELECT t1.*,
    (t1."airline" = $2::text) AS "~f0",
    ($3::text = $2::text) AS "~f1",
    (EXISTS (
    SELECT FROM "airline" t2
    WHERE t2."carrier" = $3::text
  )) AS "~f2",
    (EXISTS (
    SELECT FROM "airport" t3
    WHERE t3."faa" = $4::text
  )) AS "~f3",
    (EXISTS (
    SELECT FROM "airport" t4
    WHERE t4."faa" = $5::text
  )) AS "~f4",
    (($6::text IS NULL OR EXISTS (
    SELECT FROM "plane" t5
    WHERE t5."tailnum" = $6::text
  ))) AS "~f5"
  FROM "flight" t1
  WHERE t1."id" = $1::uuid
  FOR NO KEY UPDATE
),
"~done" AS (
  UPDATE "flight" t6
  SET "airline" = $3::text,
    "origin" = $4::text,
    "dest" = $5::text,
    "plane" = $6::text,
    "tailnum" = $7::text,
    "number" = $8::bigint,
    "departs_at" = $9::timestamptz,
    "dep_delay" = $10::bigint,
    "status" = $11::text,
    "remarks" = $12::text,
    "version" = t6."version" + 1
  FROM "~target" x
  WHERE t6."id" = x."id"
    AND x."~f0"
    AND x."~f1"
    AND x."~f2"
    AND x."~f3"
    AND x."~f4"
    AND x."~f5"
  RETURNING t6.*
),
"~made" AS (
  INSERT INTO "flight" ("id", "airline", "origin", "dest", "plane", "tailnum", "number", "departs_at", "dep_delay", "status", "remarks")
  SELECT $13::uuid, $3::text, $4::text, $5::text, $6::text, $7::text, $8::bigint, $9::timestamptz, $10::bigint, $11::text, $12::text
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
"~row" AS (
  SELECT * FROM "~done"
  UNION ALL SELECT * FROM "~made"
)
SELECT (x."id" IS NOT NULL) IS FALSE OR x."~f0",
  (x."id" IS NOT NULL) IS FALSE OR x."~f1",
  (x."id" IS NOT NULL) IS FALSE OR x."~f2",
  (x."id" IS NOT NULL) IS FALSE OR x."~f3",
  (x."id" IS NOT NULL) IS FALSE OR x."~f4",
  (x."id" IS NOT NULL) IS FALSE OR x."~f5",
  x."id" IS NOT NULL OR a."~f0",
  x."id" IS NOT NULL OR a."~f1",
  x."id" IS NOT NULL OR a."~f2",
  x."id" IS NOT NULL OR a."~f3",
  x."id" IS NOT NULL OR a."~f4",
  row_to_json(r1),
  t11."version",
  NULL::text,
  NOT (x."id" IS NOT NULL)
FROM "~asked" a
LEFT JOIN "~target" x ON TRUE
LEFT JOIN "~row" t11 ON TRUE
CROSS JOIN LATERAL (
  SELECT t11."id" AS "id",
    t11."airline" AS "airline",
    t11."origin" AS "origin",
    t11."dest" AS "dest",
    t11."plane" AS "plane",
    t11."tailnum" AS "tailnum",
    t11."number" AS "number",
    t11."departs_at" AS "departs_at",
    t11."dep_delay" AS "dep_delay",
    t11."status" AS "status",
    t11."remarks" AS "remarks"
) r1;
