-- $1 is slot 0, $2 is slot 13, $3 is slot 12, $4 is slot 1, $5 is slot 2, $6 is slot 3, $7 is slot 4, $8 is slot 5, $9 is slot 6, $10 is slot 7, $11 is slot 8, $12 is slot 10, $13 is slot 11
-- stale: there is no such row
-- forbidden: you may not change this Flight
-- stale: the row was changed since you read it
-- forbidden: you may not leave the Flight like this
-- reference: there is no such Airline /airline
-- reference: there is no such Airport /origin
-- reference: there is no such Airport /dest
-- reference: there is no such Plane /plane
WITH "~asked" AS (SELECT),
"~target" AS (
  SELECT t1.*,
    (t1."airline" = $2::text) AS "~f0",
    (t1."version" = $3::bigint) AS "~f1",
    ($4::text = $2::text) AS "~f2",
    (EXISTS (
    SELECT FROM "airline" t2
    WHERE t2."carrier" = $4::text
  )) AS "~f3",
    (EXISTS (
    SELECT FROM "airport" t3
    WHERE t3."faa" = $5::text
  )) AS "~f4",
    (EXISTS (
    SELECT FROM "airport" t4
    WHERE t4."faa" = $6::text
  )) AS "~f5",
    (($7::text IS NULL OR EXISTS (
    SELECT FROM "plane" t5
    WHERE t5."tailnum" = $7::text
  ))) AS "~f6"
  FROM "flight" t1
  WHERE t1."id" = $1::uuid
  FOR NO KEY UPDATE
),
"~done" AS (
  UPDATE "flight" t6
  SET "airline" = $4::text,
    "origin" = $5::text,
    "dest" = $6::text,
    "plane" = $7::text,
    "tailnum" = $8::text,
    "number" = $9::bigint,
    "departs_at" = $10::timestamptz,
    "dep_delay" = $11::bigint,
    "status" = $12::text,
    "remarks" = $13::text,
    "version" = t6."version" + 1
  FROM "~target" x
  WHERE t6."id" = x."id"
    AND x."~f0"
    AND x."~f1"
    AND x."~f2"
    AND x."~f3"
    AND x."~f4"
    AND x."~f5"
    AND x."~f6"
  RETURNING t6.*
),
"~row" AS (SELECT * FROM "~done")
SELECT x."id" IS NOT NULL,
  (x."id" IS NOT NULL) IS FALSE OR x."~f0",
  (x."id" IS NOT NULL) IS FALSE OR x."~f1",
  (x."id" IS NOT NULL) IS FALSE OR x."~f2",
  (x."id" IS NOT NULL) IS FALSE OR x."~f3",
  (x."id" IS NOT NULL) IS FALSE OR x."~f4",
  (x."id" IS NOT NULL) IS FALSE OR x."~f5",
  (x."id" IS NOT NULL) IS FALSE OR x."~f6",
  row_to_json(r1),
  t7."version",
  NULL::text,
  NOT (x."id" IS NOT NULL)
FROM "~asked" a
LEFT JOIN "~target" x ON TRUE
LEFT JOIN "~row" t7 ON TRUE
CROSS JOIN LATERAL (
  SELECT t7."id" AS "id",
    t7."airline" AS "airline",
    t7."origin" AS "origin",
    t7."dest" AS "dest",
    t7."plane" AS "plane",
    t7."tailnum" AS "tailnum",
    t7."number" AS "number",
    t7."departs_at" AS "departs_at",
    t7."dep_delay" AS "dep_delay",
    t7."status" AS "status",
    t7."remarks" AS "remarks"
) r1;
