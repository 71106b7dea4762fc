//! Words behind a subcommand, for shells that complete them: the console's own completion, with the
//! names that the configuration has. No supervisor needs to run.

use std::path::PathBuf;

use crate::command::{Names, complete};
use crate::config::Config;
use crate::supervisor::State;

/// What a shell says of the line that is typed.
pub(super) struct Typed {
    /// `-c FILE`, wherever it stands.
    pub(super) config: Option<PathBuf>,
    /// The line as the console would be given it.
    line: String,
}

impl Typed {
    /// Takes the line up to the cursor: `taskmaster -c FILE stop wor`.
    pub(super) fn new(line: &str) -> Typed {
        // The last word may be empty, and is what is asked for.
        let mut words = line.trim_start().split(char::is_whitespace).skip(1).peekable();
        let mut config = None;
        let mut rest = Vec::new();
        while let Some(word) = words.next() {
            match word {
                "-c" | "--config" if words.peek().is_some() => config = words.next().map(PathBuf::from),
                "" if words.peek().is_some() => {}
                word => rest.push(word),
            }
        }
        Typed { config, line: rest.join(" ") }
    }

    /// Everything that could stand there, one a line. Flags and the subcommand itself are left to the
    /// shell's own script, which knows ours, too.
    pub(super) fn candidates(&self, config: &Config) -> String {
        let Some((_, word)) = self.line.rsplit_once(' ').filter(|(_, word)| !word.starts_with('-')) else {
            return String::new();
        };
        let programs = config.programs.iter().map(|spec| (spec.name.as_str(), spec.numprocs)).collect();
        let completion = complete(&self.line, &Names { programs, states: &State::NAMES });
        debug_assert_eq!(&self.line[completion.start..], word);
        completion.candidates.iter().map(|candidate| format!("{}\n", candidate.trim_end())).collect()
    }
}

/// What the scripts that clap writes do not know.
pub(super) const BASH: &str = r#"
_taskmaster_words() {
    _taskmaster "$@"
    local line="${COMP_LINE:0:COMP_POINT}"
    local word="${line##*[[:space:]]}" kept="" candidate found=()
    # To bash a colon begins another word, unless COMP_WORDBREAKS says otherwise.
    [[ $word == *:* && $COMP_WORDBREAKS == *:* ]] && kept="${word%"${word##*:}"}"
    while IFS= read -r candidate; do
        [[ $candidate == "$word"* ]] && found+=("${candidate#"$kept"}")
    done < <("$1" complete-words -- "$line" 2>/dev/null)
    # Flags are offered behind a dash.
    [[ ${#found[@]} -gt 0 ]] && COMPREPLY=("${found[@]}")
}
complete -F _taskmaster_words -o bashdefault -o default taskmaster
"#;

/// The same for fish.
pub(super) const FISH: &str = r#"
complete -c taskmaster -n "not __fish_taskmaster_needs_command" -f -a "(taskmaster complete-words -- (commandline -cp | string collect) 2>/dev/null)"
"#;

/// The same for zsh; clap's script is to call it where it would complete files.
pub(super) const ZSH: &str = r#"
_taskmaster_words() {
    local -a found
    found=(${(f)"$(taskmaster complete-words -- "taskmaster ${(j: :)words[1,CURRENT]}" 2>/dev/null)"})
    compadd -a found
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_found_wherever_it_is_named() {
        let typed = |line| {
            let typed = Typed::new(line);
            (typed.line, typed.config.map(|path| path.display().to_string()))
        };
        let file = Some("a.yaml".to_owned());
        assert_eq!(typed("taskmaster -c a.yaml stop wor"), ("stop wor".to_owned(), file.clone()));
        assert_eq!(typed("./taskmaster  stop  --config a.yaml "), ("stop ".to_owned(), file));
        assert_eq!(typed("taskmaster stop"), ("stop".to_owned(), None));
        assert_eq!(typed("taskmaster stop -c"), ("stop -c".to_owned(), None));
        assert_eq!(typed(""), (String::new(), None));
    }
}
