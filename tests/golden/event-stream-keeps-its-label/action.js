function main() { return {"body":"data: 1\n\n","headers":{"content-type":"text/event-stream"}}; }
