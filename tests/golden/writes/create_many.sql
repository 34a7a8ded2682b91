-- $1 is slot 8, $2 is slot 0, $3 is slot 1, $4 is slot 2, $5 is slot 3, $6 is slot 4, $7 is slot 5, $8 is slot 6, $9 is slot 7, $10 is slot 9, $11 is slot 10, $12 is slot 12
-- forbidden: you may not create this Flight
-- reference: there is no such Airline /airline
-- reference: there is no such Airport /origin
-- reference: there is no such Airport /dest
-- reference: there is no such Plane /plane
WITH "~new" AS (
  SELECT n.c1 AS "id",
    n.c2 COLLATE "C" AS "airline",
    n.c3 COLLATE "C" AS "origin",
    n.c4 COLLATE "C" AS "dest",
    n.c5 COLLATE "C" AS "plane",
    n.c6 COLLATE "C" AS "tailnum",
    n.c7 AS "number",
    n.c8 AS "departs_at",
    n.c9 AS "dep_delay",
    $10::text AS "status",
    $11::text AS "remarks",
    n."~n"
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[], $9::bigint[]) WITH ORDINALITY n(c1, c2, c3, c4, c5, c6, c7, c8, c9, "~n")
),
"~judged" AS (
  SELECT n1.*,
    (n1."airline" = $12::text) AS "~f0",
    (EXISTS (
    SELECT FROM "airline" t1
    WHERE t1."carrier" = n1."airline"
  )) AS "~f1",
    (EXISTS (
    SELECT FROM "airport" t2
    WHERE t2."faa" = n1."origin"
  )) AS "~f2",
    (EXISTS (
    SELECT FROM "airport" t3
    WHERE t3."faa" = n1."dest"
  )) AS "~f3",
    ((n1."plane" IS NULL OR EXISTS (
    SELECT FROM "plane" t4
    WHERE t4."tailnum" = n1."plane"
  ))) AS "~f4"
  FROM "~new" n1
),
"~done" AS (
  INSERT INTO "flight" ("id", "airline", "origin", "dest", "plane", "tailnum", "number", "departs_at", "dep_delay", "status", "remarks")
  SELECT "id", "airline", "origin", "dest", "plane", "tailnum", "number", "departs_at", "dep_delay", "status", "remarks"
  FROM "~judged"
  WHERE (SELECT bool_and(("~f0" AND "~f1" AND "~f2" AND "~f3" AND "~f4") IS TRUE) FROM "~judged")
  RETURNING *
)
SELECT j."~f0",
  j."~f1",
  j."~f2",
  j."~f3",
  j."~f4",
  row_to_json(r1),
  t5."version",
  NULL::text
FROM "~judged" j
LEFT JOIN "~done" t5 ON t5."id" = j."id"
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
) r1
ORDER BY j."~n";
