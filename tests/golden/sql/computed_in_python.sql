-- GET /v1/people?fields=label&limit=5
-- as member
-- $1 is slot 1 (me.org), $2 is slot 0 (limit)
SELECT row_to_json(r1), '[' || COALESCE(to_json(t1."id")::text, 'null') || ']'
FROM (
  SELECT t1.*
  FROM "person" t1
  WHERE t1."org" = $1::text
  ORDER BY t1."id"
  LIMIT 1001
) t1
CROSS JOIN LATERAL (
  SELECT t1."first" AS "~label~first",
    t1."last" AS "~label~last"
) r1
ORDER BY t1."id"
LIMIT $2::bigint + 1
