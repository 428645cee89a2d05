import OrderedJSON
import PluginKit

/// A plugin in Swift: one function tool, hello_greet, and a text about it.
///
/// Id and version are those of the manifest.
public let plugin = Plugin(
    id: "hello",
    version: "0.1.0",
    title: "A first plugin",
    tools: [
        .function(
            FunctionTool(greet) { (person: Person, _) in Greeting(greeting: "Karibu, \(person.name)!") }
        )
    ],
    resources: [
        Resource(["uri": "gateway://hello/manual", "name": "How to greet", "mime_type": "text/markdown"]) {
            Array("# How to greet\n\nCall hello_greet with a name.\n".utf8)
        }
    ]
)

/// What the tool is given; the test says whether `input_schema` below means the same.
private struct Person: Decodable {
    var name: String
}

/// What it answers.
private struct Greeting: Codable {
    var greeting: String
}

/// What the host tells callers and models; docs/abi.md lists every member.
private let greet: JSONObject = [
    "name": "hello_greet",
    "title": "Greet somebody",
    "description": "Greets somebody by name.",
    "examples": [["title": "Amina", "arguments": ["name": "Amina"]]],
    "input_schema": [
        "type": "object",
        "properties": [
            "name": ["type": "string", "minLength": 1, "maxLength": 100, "description": "Whom to greet."]
        ],
        "required": ["name"],
        "additionalProperties": false,
    ],
    "output_schema": [
        "type": "object",
        "properties": ["greeting": ["type": "string"]],
        "required": ["greeting"],
        "additionalProperties": false,
    ],
    "annotations": [
        "read_only": true, "destructive": false, "idempotent": true, "open_world": false, "money_moving": false,
    ],
]
