//! A Messages API on loopback that plays a script: tool calls, one after the other, then a final message.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use tiny_http::{Header, Request, Response, Server};

/// The model's action in one turn.
#[derive(Debug, Clone)]
pub enum Turn {
    /// Calls Bash with this input.
    Bash(Value),
    /// Calls Bash with each of these inputs at once.
    Several(Vec<Value>),
    /// Calls another tool.
    Tool(&'static str, Value),
    /// Says this and ends. The next prompt gets the next turn, or the last one again.
    Say(String),
    /// Stops the task that it was told of.
    StopTask,
    /// Repeats the last text that it was given, and ends.
    Retell,
}

impl Turn {
    pub fn bash(command: &str) -> Self {
        Self::Bash(json!({ "command": command }))
    }
}

/// A result that the client sent for a tool call.
#[derive(Debug, Clone)]
pub struct ToolResult {
    pub text: String,
    pub is_error: bool,
}

struct Script {
    turns: Vec<Turn>,
    /// A part of the subagent's prompt, and its turns.
    subagent: Option<(&'static str, Vec<Turn>)>,
}

impl Script {
    /// Returns the turns of a subagent if the conversation is one's.
    fn of_subagent(&self, body: &Value) -> Option<&[Turn]> {
        let (prompt, turns) = self.subagent.as_ref()?;
        // The main conversation quotes the prompt only in a call.
        let first = body["messages"].get(0)?["content"].to_string();
        first.contains(prompt).then_some(turns.as_slice())
    }
}

/// Runs until dropped.
pub struct MessagesApi {
    server: Arc<Server>,
    requests: Arc<Mutex<Vec<Value>>>,
    of_subagent: Arc<Mutex<Vec<Value>>>,
}

impl MessagesApi {
    pub fn start(turns: Vec<Turn>) -> Self {
        Self::start_with(Script {
            turns,
            subagent: None,
        })
    }

    /// Starts with the turns of a subagent whose prompt contains this text.
    pub fn start_with_subagent(turns: Vec<Turn>, prompt: &'static str, its: Vec<Turn>) -> Self {
        Self::start_with(Script {
            turns,
            subagent: Some((prompt, its)),
        })
    }

    fn start_with(script: Script) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let of_subagent = Arc::new(Mutex::new(Vec::new()));
        let (serving, seen) = (Arc::clone(&server), Arc::clone(&requests));
        let its = Arc::clone(&of_subagent);
        thread::spawn(move || {
            for request in serving.incoming_requests() {
                answer(request, &script, [&seen, &its]);
            }
        });
        Self {
            server,
            requests,
            of_subagent,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.server_addr())
    }

    /// Returns the bodies of the main conversation's requests so far.
    pub fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns the tool results of the longest conversation so far.
    pub fn tool_results(&self) -> Vec<ToolResult> {
        let requests = self.requests();
        requests
            .iter()
            .map(tool_results)
            .max_by_key(Vec::len)
            .unwrap_or_default()
    }

    /// Returns the number of tool results in the newest request of the main conversation.
    pub fn results_so_far(&self) -> usize {
        let requests = self.requests.lock().unwrap();
        requests
            .last()
            .map_or(0, |request| tool_results(request).len())
    }

    /// Returns all text that the model was given, in one string.
    pub fn model_was_told(&self) -> String {
        all_messages(&self.requests)
    }

    /// Returns all text that a subagent was given.
    pub fn subagent_was_told(&self) -> String {
        all_messages(&self.of_subagent)
    }
}

fn all_messages(requests: &Mutex<Vec<Value>>) -> String {
    let requests = requests.lock().unwrap();
    requests
        .iter()
        .map(|request| request["messages"].to_string())
        .collect()
}

impl Drop for MessagesApi {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

fn tool_results(request: &Value) -> Vec<ToolResult> {
    let blocks = request["messages"].as_array().into_iter().flatten();
    blocks
        .filter_map(|message| message["content"].as_array())
        .flatten()
        .filter(|block| block["type"] == "tool_result")
        .map(|block| ToolResult {
            text: match &block["content"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            },
            is_error: block["is_error"] == true,
        })
        .collect()
}

fn answer(
    mut request: Request,
    script: &Script,
    [seen, seen_of_subagent]: [&Mutex<Vec<Value>>; 2],
) {
    let mut body = String::new();
    let _ = request.as_reader().read_to_string(&mut body);
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let is_main = body["tools"]
        .as_array()
        .is_some_and(|tools| !tools.is_empty());
    if body["messages"].is_null() || request.url().contains("count_tokens") {
        let _ = request.respond(Response::from_string("{\"input_tokens\":1}"));
        return;
    }
    let turn = if is_main {
        let done = calls(&body);
        let its = script.of_subagent(&body);
        let turns = its.unwrap_or(&script.turns);
        let next = turns.get(done + said(&body)).or(turns.get(done));
        let turn = match next.cloned() {
            Some(Turn::Retell) => Some(Turn::Say(last_told(&body))),
            Some(Turn::StopTask) => {
                let id = json!({"task_id": task_in(&last_told(&body))});
                Some(Turn::Tool("TaskStop", id))
            }
            turn => turn,
        };
        let seen = if its.is_some() {
            seen_of_subagent
        } else {
            seen
        };
        seen.lock().unwrap().push(body);
        turn
    } else {
        None
    };
    let events = events(turn);
    let kind = Header::from_bytes("Content-Type", "text/event-stream").unwrap();
    let _ = request.respond(Response::from_string(events).with_header(kind));
}

/// The id in the client's words about a launch.
fn task_in(told: &str) -> String {
    let rest = told.split("running in background with ID: ").nth(1);
    let id = rest.unwrap_or_default().chars();
    id.take_while(char::is_ascii_alphanumeric).collect()
}

/// Returns the number of the model's messages that called tools.
fn calls(body: &Value) -> usize {
    its_messages(body).filter(|is_call| *is_call).count()
}

/// Returns the number of the model's messages that called no tool.
fn said(body: &Value) -> usize {
    its_messages(body).filter(|is_call| !is_call).count()
}

/// Returns for each of the model's messages whether it called a tool.
fn its_messages(body: &Value) -> impl Iterator<Item = bool> {
    let messages = body["messages"].as_array().into_iter().flatten();
    let its = messages.filter(|message| message["role"] == "assistant");
    let calls = |block: &Value| block["type"] == "tool_use";
    its.map(move |message| {
        let blocks = message["content"].as_array();
        blocks.is_some_and(|blocks| blocks.iter().any(calls))
    })
}

/// Returns all text since the model's last message: the user's, the client's, and the tools' results.
fn last_told(body: &Value) -> String {
    let messages = body["messages"].as_array().into_iter().flatten().rev();
    let told = messages.take_while(|message| message["role"] != "assistant");
    let told: Vec<String> = told.map(|message| text_of(&message["content"])).collect();
    told.into_iter().rev().collect::<Vec<_>>().join("\n")
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts = blocks.iter().map(|block| match &block["text"] {
                Value::String(text) => text.clone(),
                _ => text_of(&block["content"]),
            });
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// Number of messages sent so far.
static ANSWERS: AtomicUsize = AtomicUsize::new(0);

/// Returns the streaming events of one message (API reference, "Streaming messages").
fn events(turn: Option<Turn>) -> String {
    // The client merges messages with the same id.
    let id = ANSWERS.fetch_add(1, Ordering::Relaxed).to_string();
    let mut text = String::new();
    let mut event = |name: &str, mut data: Value| {
        data["type"] = name.into();
        let _ = write!(text, "event: {name}\ndata: {data}\n\n");
    };
    let usage = json!({"input_tokens": 1, "output_tokens": 1});
    event(
        "message_start",
        json!({"message": {"id": format!("msg_{id}"), "type": "message", "role": "assistant", "model": "scripted", "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage}}),
    );
    let (blocks, reason) = match turn {
        Some(Turn::Bash(input)) => (vec![tool_use(&id, "Bash", &input)], "tool_use"),
        Some(Turn::Several(inputs)) => {
            let numbered = inputs.iter().enumerate();
            let calls = numbered.map(|(n, input)| tool_use(&format!("{id}_{n}"), "Bash", input));
            (calls.collect(), "tool_use")
        }
        Some(Turn::Tool(name, input)) => (vec![tool_use(&id, name, &input)], "tool_use"),
        Some(Turn::Say(words)) => (vec![text_block(&words)], "end_turn"),
        Some(Turn::Retell | Turn::StopTask) | None => (vec![text_block("ok")], "end_turn"),
    };
    for (index, (start, delta)) in blocks.into_iter().enumerate() {
        event(
            "content_block_start",
            json!({"index": index, "content_block": start}),
        );
        event(
            "content_block_delta",
            json!({"index": index, "delta": delta}),
        );
        event("content_block_stop", json!({"index": index}));
    }
    event(
        "message_delta",
        json!({"delta": {"stop_reason": reason, "stop_sequence": null}, "usage": {"output_tokens": 1}}),
    );
    event("message_stop", json!({}));
    text
}

fn tool_use(id: &str, name: &str, input: &Value) -> (Value, Value) {
    (
        json!({"type": "tool_use", "id": format!("toolu_{}_{id}", std::process::id()), "name": name, "input": {}}),
        json!({"type": "input_json_delta", "partial_json": input.to_string()}),
    )
}

fn text_block(words: &str) -> (Value, Value) {
    (
        json!({"type": "text", "text": ""}),
        json!({"type": "text_delta", "text": words}),
    )
}
