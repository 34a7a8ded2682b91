-- $1 is slot 0, $2 is slot 1
DELETE FROM "flight" t1
WHERE t1."id" = $1::uuid
  AND t1."version" = $2::bigint
RETURNING NULL::json, NULL::bigint, '[' || COALESCE(to_json(t1."id")::text, 'null') || ']';

-- $1 is slot 0, $2 is slot 1
-- stale: the row was changed since you read it
WITH "~target" AS (
  SELECT t1.*,
    (t1."version" = $2::bigint) AS "~f0"
  FROM "flight" t1
  WHERE t1."id" = $1::uuid
  FOR UPDATE
),
"~done" AS (
  DELETE FROM "flight" t2
  USING "~target" x
  WHERE t2."id" = x."id"
    AND x."~f0"
  RETURNING t2."id"
)
SELECT x."~f0",
  NULL::json,
  NULL::bigint,
  '[' || COALESCE(to_json(x."id")::text, 'null') || ']'
FROM "~target" x;
