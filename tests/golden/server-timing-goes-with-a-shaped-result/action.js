function main() { return { body: "", headers: { "server-timing": "db;dur=1" } }; }
