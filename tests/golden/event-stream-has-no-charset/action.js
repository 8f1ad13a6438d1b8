function main() { return {"body":"data: 1","headers":{"content-type":"text/event-stream; charset=utf-16"}}; }
