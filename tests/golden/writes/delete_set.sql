-- $1 is slot 0
-- dear: this would change more than the 10,000 rows that are allowed at once
WITH "~target" AS (
  SELECT t2.*
  FROM "flight" t2
  WHERE t2."origin" = $1::text
  ORDER BY t2."id"
  LIMIT 10001
  FOR UPDATE
),
"~judged" AS (
  SELECT count(*) <= 10000 AS "~few"
  FROM "~target" x
),
"~done" AS (
  DELETE FROM "flight" t1
  USING "~target" x
  WHERE t1."id" = x."id"
    AND (SELECT "~few" FROM "~judged")
  RETURNING t1."id"
)
SELECT j."~few",
  NULL::json,
  (SELECT count(*) FROM "~done"),
  NULL::text
FROM "~judged" j;
