//! Writes the manual pages and the shell completions, as packages install them below `share`:
//! `cargo run --example manual -- DIRECTORY`.

use std::error::Error;
use std::fs;
use std::path::Path;

use agno_top::cli;
use clap_complete::Shell;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os().nth(1).ok_or("usage: manual DIRECTORY")?;
    let share = Path::new(&directory);
    let pages = share.join("man/man1");
    fs::create_dir_all(&pages)?;
    let mut program = cli::command();
    program.build();
    for subcommand in program.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let name = subcommand.get_display_name().unwrap_or_else(|| subcommand.get_name());
        fs::write(pages.join(format!("{name}.1")), cli::manual_page(subcommand.clone())?)?;
    }
    fs::write(pages.join("agno-top.1"), cli::manual_page(program)?)?;
    let shells =
        [(Shell::Bash, "bash-completion/completions"), (Shell::Zsh, "zsh/site-functions"), (Shell::Fish, "fish/vendor_completions.d")];
    for (shell, name) in shells {
        let scripts = share.join(name);
        fs::create_dir_all(&scripts)?;
        let script = clap_complete::generate_to(shell, &mut cli::command_for_completions(), "agno-top", &scripts)?;
        // bash-completion loads files by the command's name.
        if shell == Shell::Bash {
            fs::rename(script, scripts.join("agno-top"))?;
        }
    }
    Ok(())
}
