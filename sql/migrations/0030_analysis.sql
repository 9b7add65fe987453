-- What an analysis says since its second version: programme loudness and true peak (ITU-R BS.1770), for sorting and
-- searching; sections, grid, bars and the rest lie in features.

ALTER TABLE analysis_results
    ADD COLUMN loudness real,
    ADD COLUMN true_peak_db real,
    ADD CONSTRAINT analysis_results_levels CHECK (loudness BETWEEN -400 AND 100 AND true_peak_db BETWEEN -400 AND 100);
