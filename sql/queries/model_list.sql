-- What a track can be separated with, the quick preview last.
SELECT name, engine, stems, description FROM models ORDER BY engine = 'spectral', inserted_at, name = 'htdemucs' DESC, name
