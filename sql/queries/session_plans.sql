-- A plan for the values at hand, not one for all: lists are narrowed by filters of which most are not set.
SET plan_cache_mode = force_custom_plan
