-- $1 is slot 1, $2 is slot 2, $3 is slot 0
UPDATE "person" t1
SET "first" = $3::text,
  "version" = t1."version" + 1
WHERE t1."id" = $1::bigint
  AND t1."org" = $2::text
RETURNING NULL::json,
  t1."version",
  '[' || COALESCE(to_json(t1."id")::text, 'null') || ']',
  t1."id";

-- $1 is slot 1, $2 is slot 2, $3 is slot 0
WITH "~target" AS (
  SELECT t1.*
  FROM "person" t1
  WHERE t1."id" = $1::bigint
    AND t1."org" = $2::text
  FOR NO KEY UPDATE
),
"~done" AS (
  UPDATE "person" t2
  SET "first" = $3::text,
    "version" = t2."version" + 1
  FROM "~target" x
  WHERE t2."id" = x."id"
  RETURNING t2.*
)
SELECT NULL::json,
  t3."version",
  '[' || COALESCE(to_json(t3."id")::text, 'null') || ']',
  t3."id"
FROM "~target" x
LEFT JOIN "~done" t3 ON TRUE;

-- $1 is slot 3, $2 is slot 2
SELECT CASE WHEN t1."org" = $2::text THEN row_to_json(r2) END, t1."version", '[' || COALESCE(to_json(t1."id")::text, 'null') || ']'
FROM unnest($3::bigint[]) WITH ORDINALITY k(k0, "~n")
JOIN "person" t1 ON t1."id" = k.k0
LEFT JOIN LATERAL (
  SELECT row_to_json(r1) AS j
  FROM "person" t2
  CROSS JOIN LATERAL (
    SELECT t2."id" AS "id",
      t2."org" AS "org",
      t2."first" AS "first",
      t2."last" AS "last",
      t2."email" AS "email",
      t2."salary"::text AS "salary",
      (CASE WHEN t2."id" = $1::bigint THEN t2."phone" END) AS "phone",
      t2."manager" AS "manager",
      (t2."first" || ' '::text || t2."last") AS "full",
      (t2."salary" > '5000'::numeric) AS "well_paid",
      t2."first" AS "~label~first",
      t2."last" AS "~label~last"
  ) r1
  WHERE t2."id" = t1."manager"
    AND t2."org" = $2::text
) n1 ON TRUE
CROSS JOIN LATERAL (
  SELECT t1."id" AS "id",
    t1."org" AS "org",
    t1."first" AS "first",
    t1."last" AS "last",
    t1."email" AS "email",
    t1."salary"::text AS "salary",
    (CASE WHEN t1."id" = $1::bigint THEN t1."phone" END) AS "phone",
    n1.j AS "manager",
    (t1."first" || ' '::text || t1."last") AS "full",
    (t1."salary" > '5000'::numeric) AS "well_paid",
    t1."first" AS "~label~first",
    t1."last" AS "~label~last"
) r2
ORDER BY k."~n";
