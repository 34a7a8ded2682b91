-- $1 is slot 8, $2 is slot 0, $3 is slot 1, $4 is slot 2, $5 is slot 3, $6 is slot 4, $7 is slot 5, $8 is slot 6, $9 is slot 7, $10 is slot 9, $11 is slot 10, $12 is slot 11
INSERT INTO "flight" AS t1 ("id", "airline", "origin", "dest", "plane", "tailnum", "number", "departs_at", "dep_delay", "status", "remarks")
SELECT $1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::bigint, $8::timestamptz, $9::bigint, $10::text, $11::text
WHERE $2::text = $12::text
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

-- $1 is slot 8, $2 is slot 0, $3 is slot 1, $4 is slot 2, $5 is slot 3, $6 is slot 4, $7 is slot 5, $8 is slot 6, $9 is slot 7, $10 is slot 9, $11 is slot 10, $12 is slot 11
-- forbidden: you may not create this Flight
-- reference: there is no such Airline /airline
-- reference: there is no such Airport /origin
-- reference: there is no such Airport /dest
-- reference: there is no such Plane /plane
WITH "~asked" AS (
  SELECT ($2::text = $12::text) AS "~f0",
    (EXISTS (
    SELECT FROM "airline" t1
    WHERE t1."carrier" = $2::text
  )) AS "~f1",
    (EXISTS (
    SELECT FROM "airport" t2
    WHERE t2."faa" = $3::text
  )) AS "~f2",
    (EXISTS (
    SELECT FROM "airport" t3
    WHERE t3."faa" = $4::text
  )) AS "~f3",
    (($5::text IS NULL OR EXISTS (
    SELECT FROM "plane" t4
    WHERE t4."tailnum" = $5::text
  ))) AS "~f4"
),
"~done" AS (
  INSERT INTO "flight" ("id", "airline", "origin", "dest", "plane", "tailnum", "number", "departs_at", "dep_delay", "status", "remarks")
  SELECT $1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::bigint, $8::timestamptz, $9::bigint, $10::text, $11::text
  FROM "~asked"
  WHERE "~f0"
    AND "~f1"
    AND "~f2"
    AND "~f3"
    AND "~f4"
  RETURNING *
)
SELECT a."~f0",
  a."~f1",
  a."~f2",
  a."~f3",
  a."~f4",
  row_to_json(r1),
  t5."version",
  NULL::text
FROM "~asked" a
LEFT JOIN "~done" t5 ON TRUE
CROSS JOIN LATERAL (
  SELECT t5."id" AS "id",
    t5."airline" AS "airline",
    t5."origin" AS "origin",
    t5."dest" AS "dest",
    t5."plane" AS "plane",
    t5."tailnum" AS "tailnum",
    t5."number" AS "number",
    t5."departs_at" AS "departs_at",
    t5."dep_delay" AS "dep_delay",
    t5."status" AS "status",
    t5."remarks" AS "remarks"
) r1;
