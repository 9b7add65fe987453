-- Whose turn it is to separate this recipe.
SELECT sfa_separation_begin(%(recipe)s, %(job)s, %(token)s) AS ours
