-- GET /v1/orgs?people.every.last[like]=A%25&limit=5
-- as boss, member
-- $1 is slot 0 (people.every.last[like]), $2 is slot 2 (me.org), $3 is slot 1 (limit)
SELECT row_to_json(r1)
FROM "org" t1
CROSS JOIN LATERAL (
  SELECT t1."slug" AS "slug",
    t1."name" AS "name"
) r1
WHERE NOT EXISTS (SELECT FROM "person" t2 WHERE t2."org" = t1."slug" AND t1."slug" = $2::text AND (t2."last" LIKE (CASE WHEN (length($1::text) - length(rtrim($1::text, E'\\'))) % 2 = 1 THEN $1::text || E'\\' ELSE $1::text END)) IS NOT TRUE)
ORDER BY t1."slug"
LIMIT $3::bigint + 1
