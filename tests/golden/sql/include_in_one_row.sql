-- GET /v1/teams/red?include=projects&projects.fields=name
-- as boss, member
-- $1 is slot 0 (code), $2 is slot 1 (fixed.)
SELECT row_to_json(r2), t1."version"
FROM "team" t1
CROSS JOIN LATERAL (
  SELECT array_agg(p1.j) AS j, array_agg(p1.k0) AS k0
  FROM (
    SELECT row_to_json(r1) AS j, t2."id" AS k0
    FROM "project" t2
    CROSS JOIN LATERAL (SELECT t2."name" AS "name") r1
    WHERE t2."team" = t1."code"
      AND t2."deleted_at" IS NULL
    ORDER BY t2."id"
    LIMIT $2::bigint + 1
  ) p1
) n1
CROSS JOIN LATERAL (
  SELECT t1."code" AS "code",
    t1."name" AS "name",
    t1."motto" AS "motto",
    COALESCE(array_to_json(n1.j[1:20]), '[]') AS "projects",
    CASE WHEN cardinality(n1.j) > 20 THEN translate(encode(convert_to('["1598fcbd7a81","n",' || COALESCE(to_json(n1.k0[20])::text, 'null') || ']', 'UTF8'), 'base64'), E'+/=\n', '-_') END AS "projects_next"
) r2
WHERE t1."code" = $1::text
