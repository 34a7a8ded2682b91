-- GET /v1/projects?include=team,owner.manager&fields=name&limit=5
-- as boss, member
-- $1 is slot 0 (limit), $2 is slot 2 (me.org), $3 is slot 1 (me.id)
SELECT row_to_json(r4), '[' || COALESCE(to_json(t1."id")::text, 'null') || ']'
FROM (
  SELECT t1.*
  FROM (
    SELECT t1.*
    FROM "project" t1
    WHERE t1."deleted_at" IS NULL
    ORDER BY t1."id"
    LIMIT 1001
  ) t1
  ORDER BY t1."id"
  LIMIT $1::bigint + 1
) t1
LEFT JOIN LATERAL (
  SELECT row_to_json(r1) AS j
  FROM "team" t2
  CROSS JOIN LATERAL (
    SELECT t2."code" AS "code",
      t2."name" AS "name",
      t2."motto" AS "motto"
  ) r1
  WHERE t2."code" = t1."team"
) n1 ON TRUE
LEFT JOIN LATERAL (
  SELECT row_to_json(r3) AS j
  FROM "person" t3
  LEFT JOIN LATERAL (
    SELECT row_to_json(r2) AS j
    FROM "person" t4
    CROSS JOIN LATERAL (
      SELECT t4."id" AS "id",
        t4."org" AS "org",
        t4."first" AS "first",
        t4."last" AS "last",
        t4."email" AS "email",
        t4."salary"::text AS "salary",
        (CASE WHEN t4."id" = $3::bigint THEN t4."phone" END) AS "phone",
        t4."manager" AS "manager",
        (t4."first" || ' '::text || t4."last") AS "full",
        (t4."salary" > '5000'::numeric) AS "well_paid",
        t4."first" AS "~label~first",
        t4."last" AS "~label~last"
    ) r2
    WHERE t4."id" = t3."manager"
      AND t4."org" = $2::text
  ) n3 ON TRUE
  CROSS JOIN LATERAL (
    SELECT t3."id" AS "id",
      t3."org" AS "org",
      t3."first" AS "first",
      t3."last" AS "last",
      t3."email" AS "email",
      t3."salary"::text AS "salary",
      (CASE WHEN t3."id" = $3::bigint THEN t3."phone" END) AS "phone",
      n3.j AS "manager",
      (t3."first" || ' '::text || t3."last") AS "full",
      (t3."salary" > '5000'::numeric) AS "well_paid",
      t3."first" AS "~label~first",
      t3."last" AS "~label~last"
  ) r3
  WHERE t3."id" = t1."owner"
    AND t3."org" = $2::text
) n2 ON TRUE
CROSS JOIN LATERAL (
  SELECT t1."name" AS "name",
    n1.j AS "team",
    n2.j AS "owner"
) r4
ORDER BY t1."id"
