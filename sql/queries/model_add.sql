-- A model of a person's own; added again, it is what it is now.
INSERT INTO models (name, engine, stems, description, networks, apart, memory_bytes)
VALUES (%(name)s, 'demucs', %(stems)s, %(description)s, %(networks)s, %(apart)s, %(memory)s)
ON CONFLICT (name) DO UPDATE SET stems = excluded.stems, description = excluded.description,
    networks = excluded.networks, apart = excluded.apart, memory_bytes = excluded.memory_bytes
