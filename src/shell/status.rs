//! Whose exit status a script ends with.

use super::Script;

/// The program whose exit status hides those of others: of a pipe, the shell gives the last one's.
pub fn status_of(script: &Script, source: &str) -> Option<String> {
    let pipeline = script.pipelines.iter().find(|pipeline| pipeline.is_last)?;
    if source.contains("pipefail") {
        return None;
    }
    let last = pipeline.stages.last()?.simple_command?;
    script.simple_commands.get(last)?.program()
}
