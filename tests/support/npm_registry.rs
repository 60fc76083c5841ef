//! An npm registry on loopback that serves packages made by `npm pack`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use tiny_http::{Header, Request, Response, Server};

use super::sandbox::Sandbox;

/// Runs until dropped.
pub struct NpmRegistry {
    server: Arc<Server>,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    /// Packages' documents by name.
    packages: BTreeMap<String, Value>,
    /// Packed packages by file name.
    files: BTreeMap<String, Vec<u8>>,
}

impl NpmRegistry {
    /// Starts an empty registry, which npm in the sandbox uses.
    pub fn start(sandbox: &Sandbox) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let (serving, offered) = (Arc::clone(&server), Arc::clone(&shelf));
        thread::spawn(move || {
            for request in serving.incoming_requests() {
                answer(request, &offered.lock().unwrap());
            }
        });
        let url = format!("http://{}/", server.server_addr());
        sandbox.write("home/.npmrc", &format!("registry={url}\n"));
        Self { server, shelf }
    }

    /// Packs the folder, offers it as the package's newest version, and returns the description from `npm pack`.
    pub fn publish(&self, sandbox: &Sandbox, folder: &Path) -> Value {
        let said = sandbox
            .command("npm")
            .args(["pack", "--json", "--pack-destination"])
            .arg(sandbox.path("tmp"))
            .arg(folder)
            .output()
            .unwrap();
        assert!(said.status.success(), "{said:?}");
        let packed: Value = serde_json::from_slice(&said.stdout).unwrap();
        // npm 12 returns an object by name; older versions return a list.
        let packed = packed.get(0).unwrap_or_else(|| {
            let by_name = packed.as_object().unwrap();
            by_name.values().next().unwrap()
        });
        let text = |key: &str| packed[key].as_str().unwrap().to_owned();
        let (name, version, file) = (text("name"), text("version"), text("filename"));
        let manifest = fs::read(folder.join("package.json")).unwrap();
        let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
        manifest["dist"] = json!({
            "tarball": format!("http://{}/{name}/-/{file}", self.server.server_addr()),
            "integrity": text("integrity"),
            "shasum": text("shasum"),
        });
        let mut offered = self.shelf.lock().unwrap();
        let bytes = fs::read(sandbox.path("tmp").join(&file)).unwrap();
        offered.files.insert(file, bytes);
        let package = offered
            .packages
            .entry(name.clone())
            .or_insert_with(|| json!({"name": name, "versions": {}}));
        package["versions"][&version] = manifest;
        package["dist-tags"] = json!({ "latest": version });
        packed.clone()
    }
}

impl Drop for NpmRegistry {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

/// `GET /NAME` returns a package's document, `GET /NAME/-/FILE` a packed one.
fn answer(request: Request, shelf: &Shelf) {
    let path = request.url().trim_start_matches('/').to_owned();
    let found = if let Some((_, file)) = path.split_once("/-/") {
        let file = shelf.files.get(file).cloned();
        file.map(|file| ("application/octet-stream", file))
    } else {
        let package = shelf.packages.get(&path);
        package.map(|package| ("application/json", package.to_string().into_bytes()))
    };
    let _ = match found {
        Some((kind, body)) => {
            let kind = Header::from_bytes("Content-Type", kind).unwrap();
            request.respond(Response::from_data(body).with_header(kind))
        }
        None => request.respond(Response::from_string("{}").with_status_code(404)),
    };
}
